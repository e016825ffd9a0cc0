"""What a job's log records become, beside what they become in a script."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAYS = """
import logging, sys
for name in ("root", "shop", "shop.orders", "other"):
    logging.getLogger(name).info("info")
    logging.getLogger(name).warning("warning")
"""
LEVELS = ("INFO", "WARNING")
SHOWS = "from interlock_adapters.subprocess.child import log_output; log_output.show()"
HANDLER = "import logging; logging.getLogger('shop').addHandler({}); "
CONFIG = """
from logging.config import dictConfig
dictConfig({
    "version": 1,
    "handlers": {"err": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["err"], "level": "INFO"},
})
"""


def said(*parts: str) -> list[str]:
    program = [sys.executable, "-c", "\n".join(parts)]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    "config",
    [
        "import logging; logging.basicConfig()",
        "import logging; logging.basicConfig(level='ERROR')",
        "import logging; logging.basicConfig(level='DEBUG', format='%(message)s')",
        "import logging; logging.basicConfig(force=True)",
        "import logging; logging.getLogger().addHandler(logging.NullHandler())",
        "import logging; logging.lastResort = None",
        CONFIG,
    ],
)
def test_who_configures_logging_has_what_a_script_has(config: str) -> None:
    script = said(config, SAYS)
    assert said("import logging", config, SHOWS, SAYS) == script  # by its module
    assert said("import logging", SHOWS, config, SAYS) == script  # in its function
    assert said(SHOWS, config, SAYS) == script  # where logging is imported only there


def test_who_configures_nothing_sees_each_record_with_its_logger() -> None:
    names = ("root", "shop", "shop.orders", "other")
    expected = [f"{lvl} {name}: {lvl.lower()}" for name in names for lvl in LEVELS]
    assert said("import logging", SHOWS, SAYS) == expected
    assert said(SHOWS, SAYS) == expected


def test_a_logger_with_a_handler_of_its_own_is_left_alone() -> None:
    handler = HANDLER.format("logging.StreamHandler()")
    lines = said(handler, SHOWS, SAYS)
    assert lines == [
        "INFO root: info",
        "WARNING root: warning",
        *["warning"] * 2,
        "INFO other: info",
        "WARNING other: warning",
    ]
    later = "import logging; logging.basicConfig(level='INFO')"
    assert said(handler, SHOWS, later, SAYS) == said(handler, later, SAYS)


def test_a_library_with_a_null_handler_stays_silent() -> None:
    lines = said(HANDLER.format("logging.NullHandler()"), SHOWS, SAYS)
    assert not any("shop" in line for line in lines)
    assert "INFO other: info" in lines


def test_logging_is_not_imported_for_who_does_not() -> None:
    assert said(SHOWS, "import sys; assert 'logging' not in sys.modules") == []
