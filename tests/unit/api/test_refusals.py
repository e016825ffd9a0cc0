"""A refusal is a sentence that reads well."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock import Engine, InvalidOption, JobStatus


def test_an_option_has_a_frame_or_a_sentence_of_its_own() -> None:
    framed = InvalidOption("lease", 0.1, "1 to 86400 seconds")
    assert (str(framed), framed.option) == (
        "Invalid value for lease: 0.1. Use 1 to 86400 seconds.",
        "lease",
    )
    own = InvalidOption.because("module", "There is no module 'nosuch'.")
    assert (type(own), str(own), own.args, own.option) == (
        InvalidOption,
        "There is no module 'nosuch'.",
        ("There is no module 'nosuch'.",),
        "module",
    )


def test_a_refused_value_is_not_printed_at_length() -> None:
    assert len(str(InvalidOption("reason", "x" * 3000, "short"))) < 300


def test_an_unknown_status_is_refused_in_words(tmp_path: Path) -> None:
    with (
        Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine,
        pytest.raises(InvalidOption) as refused,
    ):
        engine.search(statuses=["DONE"])
    known = ", ".join(JobStatus)
    assert str(refused.value) == f"There is no status 'DONE'. Use one of {known}."
