"""The page about features names tests, functions and pages that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "features.md"
ROWS = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE)
TESTS = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text())))
LINKS = sorted(set(re.findall(r"\]\(([^)#]+)#?([^)]*)\)", PAGE.read_text())))


@cache
def _functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, functions))


@cache
def _anchors(page: Path) -> frozenset[str]:
    """Return the anchors of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(text.replace(" ", "-") for text in plain)


def test_every_capability_has_its_row() -> None:
    assert [int(number) for number, _ in ROWS] == [*range(1, 37), 38, 50, 53, 54, 57]


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_row_has_a_page_and_a_test_and_says_what_is_missing(number: int) -> None:
    capability, best, ours, lacking, tests = ROWS[number][1].split(" | ")
    assert all((capability, best, lacking))
    assert "](" in ours
    assert re.fullmatch(r"`[\w/]+\.py::\w+`(, `[\w/]+\.py::\w+`)*", tests)


@pytest.mark.parametrize(("path", "function"), TESTS)
def test_a_named_test_is_there(path: str, function: str) -> None:
    assert function.startswith("test_")
    assert function in _functions(path)


@pytest.mark.parametrize(("path", "anchor"), LINKS)
def test_a_linked_page_and_its_section_are_there(path: str, anchor: str) -> None:
    page = (PAGE.parent / path).resolve()
    assert page.is_file()
    assert not anchor or anchor in _anchors(page)
