"""Every block of every page is run by a test, or says why it is not, and is parsed.

A page is run by `test_tutorial.py` (its files and consoles, as a reader does it), by a
test of its own, or here.
"""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

from consoles import BLOCK, FILE
from docs.test_tutorial import PAGES as FOLLOWED
from docs.test_tutorial import free_port
from pace import deadline

ROOT = Path(__file__).parents[2]
#: Pages whose programs a test of their own runs.
RUN_BY = {
    "README.md": "tests/docs/test_readme.py",
    "docs/children.md": "tests/docs/test_limits.py",
    "docs/databases.md": "tests/unit/sql/schema/test_alembic.py",
    "docs/dependencies.md": "tests/docs/test_limits.py",
    "docs/examples/typescript/README.md": "tests/docs/test_typescript.py",
    "docs/fairness.md": "tests/docs/test_limits.py",
    "docs/finalizers.md": "tests/docs/test_limits.py",
    "docs/groups.md": "tests/docs/test_limits.py",
    "docs/http.md": "tests/http_api/test_page.py",
    "docs/job-process.md": "tests/docs/test_readme.py",
    "docs/limits.md": "tests/docs/test_limits.py",
    "docs/python.md": "tests/docs/test_readme.py",
    "docs/retention.md": "tests/docs/test_limits.py",
    "docs/retries.md": "tests/docs/test_readme.py",
    "docs/schedules.md": "tests/docs/test_schedules.py",
    "docs/security.md": "tests/docs/test_blocks.py",
    "docs/steps.md": "tests/docs/test_limits.py",
    "docs/testing.md": "tests/docs/test_testing.py",
    "docs/unique-jobs.md": "tests/docs/test_readme.py",
    "docs/watching.md": "tests/docs/test_readme.py",
}
#: Blocks that no test runs, by a page and words of theirs; they are parsed.
NOT_RUN = {
    ("README.md", "pip install"): "it installs",
    (".github/CONTRIBUTING.md", "make "): "these run the tests",
    (".github/CONTRIBUTING.md", "-m pytest"): "these run the tests",
    ("docs/reference/settings.md", "#:schema"): "settings; test_site.py checks them",
    ("docs/databases.md", "transaction.atomic"): "a part; whole in how-to/django.md",
    ("docs/databases.md", "pg_trigger"): "tests/faults/test_replication.py does",
    ("docs/databases.md", "setval"): "tests/faults/test_replication.py does",
    ("docs/how-to/docker.md", "docker run"): "needs docker",
    ("docs/how-to/monitoring.md", "scrape_configs"): "of Prometheus",
    ("docs/how-to/nginx.md", "listen 443"): "needs nginx and a certificate",
    ("docs/how-to/nginx.md", "--allow-host"): "needs a token in /etc",
    ("docs/how-to/pgbouncer.md", "pool_mode"): "needs PgBouncer",
    ("docs/how-to/pgbouncer.md", "pgbouncer:6432"): "needs PgBouncer",
    ("docs/how-to/systemd.md", "ExecStart"): "needs systemd; systemd-analyze reads it",
    ("docs/how-to/systemd.md", "systemctl"): "needs systemd",
    ("docs/how-to/systemd.md", "INTERLOCK_DATABASE_URL=postgresql"): "settings",
    ("docs/migrate.md", "from celery"): "the program before; Celery is not installed",
    ("docs/migrate.md", "from rq"): "the program before; RQ is not installed",
    ("docs/tutorial/08-deploy.md", "ExecStart"): "systemd-analyze reads it",
    ("docs/tutorial/08-deploy.md", "systemctl"): "needs systemd",
    (
        "docs/http.md",
        "proxy_pass",
    ): "needs nginx; tests/http_api/proxy.py does the same",
}
_PATIENT = "--retry 9 --retry-connrefused"
#: Blocks that are printed by something, and drawings.
_PRINTED = ("text", "mermaid", "")


class Block(NamedTuple):
    page: str
    kind: str
    text: str


def _blocks(page: Path) -> Iterator[Block]:
    pattern = re.compile(
        r"^( *)```([\w-]*)[^\n]*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE
    )
    for indent, kind, text in pattern.findall(page.read_text()):
        plain = re.sub(rf"(?m)^{indent}", "", text)
        yield Block(str(page.relative_to(ROOT)), kind, plain)


PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
PAGES += [ROOT / ".github/CONTRIBUTING.md"]
BLOCKS = [block for page in PAGES for block in _blocks(page)]
PROGRAMS = [block for block in BLOCKS if block.kind not in _PRINTED]


def _bash(text: str) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _console(text: str) -> None:
    for command in re.findall(r"(?m)^\$ (.*)$", text):
        _bash(command)


def _ini(text: str) -> None:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as documented
    parser.read_string(text)
    assert parser.sections()
    analyze = shutil.which("systemd-analyze")
    if "Service" in parser and analyze:
        program = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text)
        with TemporaryDirectory() as folder:
            unit = Path(folder, "interlock-docs@1.service")
            unit.write_text(program)
            done = subprocess.run(
                [analyze, "verify", unit], capture_output=True, text=True, check=False
            )
        assert done.stderr == ""


def _nginx(text: str) -> None:
    plain = re.sub(r"(?m)#.*$", "", text)
    assert plain.count("{") == plain.count("}") > 0
    for line in filter(None, map(str.strip, plain.splitlines())):
        assert line.endswith((";", "{", "}")), line


def _dockerfile(text: str) -> None:
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and line[0] != "#"]
    known = "FROM RUN COPY WORKDIR USER ENV EXPOSE ENTRYPOINT CMD STOPSIGNAL"
    assert lines[0].startswith("FROM ")
    for line in lines:
        word, _, rest = line.partition(" ")
        assert word in known.split(), line
        if word in ("CMD", "ENTRYPOINT"):
            assert isinstance(json.loads(rest), list), "a shell would take SIGTERM"


def _sql(text: str) -> None:
    assert text.count("(") == text.count(")")
    assert re.match("SELECT|DO|VACUUM|CREATE", text)


PARSERS: dict[str, Callable[[str], object]] = {
    "python": ast.parse,
    "sh": _bash,
    "console": _console,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
    "json": json.loads,
    "ini": _ini,
    "nginx": _nginx,
    "dockerfile": _dockerfile,
    "sql": _sql,
}


@pytest.mark.parametrize("page", sorted({block.page for block in PROGRAMS}))
def test_every_block_of_a_page_can_be_parsed(page: str) -> None:
    for block in PROGRAMS:
        if block.page == page:
            assert block.kind in PARSERS, block
            PARSERS[block.kind](block.text)


def _declared(block: Block) -> list[tuple[str, str]]:
    return [key for key in NOT_RUN if key[0] == block.page and key[1] in block.text]


def test_every_block_is_run_or_says_why_it_is_not() -> None:
    followed = {str(page.relative_to(ROOT)): page.read_text() for page in FOLLOWED}
    for block in PROGRAMS:
        if block.page in followed:
            done = [found[2] for found in FILE.finditer(followed[block.page])]
            done += [found[1] for found in BLOCK.finditer(followed[block.page])]
            assert (block.text in done) != bool(_declared(block)), block
        else:
            assert block.page in RUN_BY or _declared(block), block


def test_every_block_that_is_not_run_is_there() -> None:
    used = {key for block in PROGRAMS for key in _declared(block)}
    assert used == set(NOT_RUN)


@pytest.mark.parametrize(("page", "test"), RUN_BY.items())
def test_the_test_of_a_page_names_it(page: str, test: str) -> None:
    assert Path(page).name in (ROOT / test).read_text()


def test_the_blocks_of_the_page_about_security_run(tmp_path: Path) -> None:
    for block in BLOCKS:
        if (block.page, block.kind) == ("docs/security.md", "python"):
            (tmp_path / "shop.py").write_text(block.text)
            _run(tmp_path, f"{sys.executable} shop.py")


JOBS = """
from interlock import current_job, job

@job(name="shop.report", max_running=9)
def report(**inputs: int) -> int:
    return 1

@job(name="shop.ship")
def ship() -> str:
    me = current_job()
    me.save({"link": me.signal_token("approved")})
    print(me.saved["link"])
    return me.await_signal("approved")["who"]
"""


@contextmanager
def _background(folder: Path, command: str) -> Iterator[None]:
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _environment() -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
    path = f"{Path(sys.executable).parent}:{ours['PATH']}"
    database = "sqlite:///jobs.db"
    return {**ours, "INTERLOCK_DATABASE_URL": database, "PATH": path}


def _run(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=deadline(60),
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.strip()


def _commands(page: str) -> list[str]:
    blocks = (block for block in BLOCKS if (block.page, block.kind) == (page, "sh"))
    lines = [line for block in blocks for line in block.text.splitlines()]
    return [line for line in lines if not line.startswith("pip ")]


def _shop(folder: Path) -> None:
    (folder / "shop.py").write_text(JOBS)
    (folder / "pyproject.toml").write_text('[tool.interlock]\nmodules = ["shop"]\n')


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    begin, dev, submit, *others = _commands("README.md")
    _run(tmp_path, begin)
    port = free_port()
    with _background(tmp_path, f"{dev.partition('#')[0]} --port {port}"):
        assert "Hello, Anna!" in _run(tmp_path, submit)
        long = _run(tmp_path, "interlock submit jobs.greet name=Anna seconds=600")
        for command in others:
            _run(tmp_path, command.replace("ID", long))
        assert "CANCELED" in _run(tmp_path, f"interlock show {long} --json")
        page = f"curl -sf --retry 9 --retry-connrefused http://127.0.0.1:{port}/"
        assert "<html" in _run(tmp_path, page)


def test_the_commands_about_dependencies_run(tmp_path: Path) -> None:
    _shop(tmp_path)
    for command in _commands("docs/dependencies.md"):
        while "ID" in command:
            new = _run(tmp_path, "interlock submit shop.report")
            command = command.replace("ID", new, 1)  # noqa: PLW2901
        _run(tmp_path, command)


def test_the_commands_about_groups_run(tmp_path: Path) -> None:
    _shop(tmp_path)
    many = (
        "from interlock import Engine; from shop import report\n"
        "with Engine.open('sqlite:///jobs.db') as engine:\n"
        "    print(engine.map(report, [{}, {}]).id)"
    )
    group = _run(tmp_path, f"python -c {shlex.quote(many)}")
    with _background(tmp_path, "interlock worker"):
        for command in _commands("docs/groups.md"):
            _run(tmp_path, command.replace("ID", group))


def test_the_commands_about_limits_and_queues_run(tmp_path: Path) -> None:
    _shop(tmp_path)
    with _background(tmp_path, "interlock worker"):  # it sets the limit of its job
        _run(tmp_path, "interlock submit shop.report --wait")
        for command in _commands("docs/limits.md"):
            _run(tmp_path, command)
    (weighted,) = _commands("docs/fairness.md")
    job = _run(tmp_path, "interlock submit shop.report --queue slow")
    with _background(tmp_path, weighted):
        _run(tmp_path, f"interlock wait {job}")


def test_the_commands_about_signals_run(tmp_path: Path) -> None:
    _shop(tmp_path)
    job = _run(tmp_path, "interlock submit shop.ship")
    with _background(tmp_path, "interlock worker"):
        until = time.monotonic() + deadline(30)
        while not (token := _run(tmp_path, f"interlock log {job}")):
            assert time.monotonic() < until
    port = free_port()
    with _background(tmp_path, f"interlock serve --port {port}"):
        for command in _commands("docs/steps.md"):
            command = command.replace("ID", job).replace("TOKEN", token)  # noqa: PLW2901
            command = command.replace("8080", port)  # noqa: PLW2901
            _run(tmp_path, command.replace("curl", f"curl -sf {_PATIENT}"))
    assert _run(tmp_path, f"interlock explain {job}")
