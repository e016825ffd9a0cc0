"""What the page about troubles quotes is what the engine and its commands say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interlock import Engine, job
from interlock_adapters.cli.main import app
from pace import deadline

PAGE = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()
QUOTED = re.findall(
    r"^\| `([^|]*?)` \|", PAGE.partition("## No module")[0], flags=re.MULTILINE
)


@job(name="mails")
def mails() -> None:
    return None


def _waiting(engine: Engine) -> Iterator[str]:
    """Yield what waiting jobs say, each for another reason."""
    first = engine.submit(mails)
    yield engine.explain(first.id)
    yield engine.explain(engine.submit(mails.options(depends_on=[first])).id)
    later = datetime.now(UTC) + timedelta(hours=1)
    yield engine.explain(engine.submit(mails.options(run_at=later)).id)
    engine.hold(f"job:{first.id}", by="anna")
    yield engine.explain(first.id)
    engine.pause("slow")
    yield engine.explain(engine.submit(mails.options(queue="slow")).id)


def test_what_a_waiting_job_says_is_quoted(tmp_path: Path) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
        said = " ".join(_waiting(engine))
    quoted = [words for words in QUOTED if words in said]
    assert len(quoted) >= 5, (QUOTED, said)


def test_every_quoted_sentence_is_one_of_the_engine() -> None:
    source = Path(__file__).parents[2] / "engine/interlock/api/explain.py"
    text = re.sub(r'"\s*\n\s*f?"', "", source.read_text())
    plain = re.sub(r"\{[^{}]*\}", "", text)
    for words in QUOTED:
        parts = re.split(r"'[^']*'|\d+", words)
        assert all(part.strip() in plain for part in parts), words


@pytest.mark.timeout(deadline(60))
def test_a_module_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (quoted,) = re.findall(r"^\| `(There is no module[^`]*)`", PAGE, re.MULTILINE)
    done = CliRunner().invoke(app, ["worker", "shop", "--database", "sqlite:///j.db"])
    assert done.exit_code == 2
    assert quoted in " ".join(done.stderr.split())
