"""Lines of output as HTML: their level, and the colours that they ask for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup, escape

_ESCAPE: Final = re.compile(
    r"\x1b(?:\[([0-9;:]*)m|\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)",
    re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LEVEL: Final = re.compile(
    r"\b(DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|^(\w*(?:Error|Exception)):"
)
_WITHIN: Final = 60  # characters, in which a level stands
_NAMES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_GRAVE: Final = {"WARN": "w", "ERROR": "e", "FATAL": "e"}
#: The classes of colours (ECMA-48: 30 to 37, and 90 to 97 bright).
_COLOURS: Final = ("d", "r", "g", "y", "b", "m", "c", "")
_BOLD, _DIM, _ITALIC, _UNDERLINED = 1, 2, 3, 4
_STYLES: Final = {_BOLD: "bold", _DIM: "d", _ITALIC: "it", _UNDERLINED: "u"}
#: What ends a style.
_ENDED: Final = {22: {"bold", "d"}, 23: {"it"}, 24: {"u"}}
#: A colour of 256 (one number follows), or of all (three follow).
_EXTENDED: Final = (38, 48, 58)
_OF_256, _OF_ALL = 5, 2
_DIGITS: Final = (1, 2, 3)  # of a number that means something


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLine:
    """One line of the output of a job. `grave` is the class of its level."""

    seq: int
    at: datetime
    attempt: int
    level: str
    grave: str
    text: Markup


def lines(shown: Iterable[Mapping[str, Any]]) -> list[OutputLine]:
    """Return lines of `serialize.line` for a page; a colour lasts until it ends."""
    styles: dict[tuple[int, str], set[str]] = {}
    return [_line(each, styles) for each in shown]


def _line(
    shown: Mapping[str, Any], styles: dict[tuple[int, str], set[str]]
) -> OutputLine:
    raw = str(shown["text"]).rstrip("\r").rpartition("\r")[2]  # as a terminal shows it
    level, grave = _level(_ESCAPE.sub("", raw), shown["stream"])
    of = shown["attempt"], shown["stream"]
    text, styles[of] = _coloured(raw, styles.get(of, set()))
    return OutputLine(
        seq=shown["seq"],
        at=datetime.fromisoformat(shown["at"]),
        attempt=shown["attempt"],
        level=level,
        grave=grave,
        text=text,
    )


def plain(text: str) -> str:
    """Return a text without what would move or colour a terminal."""
    return _CONTROL.sub("", _ESCAPE.sub("", text))


def _level(text: str, stream: str) -> tuple[str, str]:
    if stream == "engine":
        return stream, "k"
    found = _LEVEL.search(text[:_WITHIN])
    if found is None:
        return stream if stream == "stderr" else "", ""
    name = "ERROR" if found[2] else _NAMES.get(found[1], found[1])
    return name, _GRAVE.get(name, "")


def _coloured(text: str, classes: set[str]) -> tuple[Markup, set[str]]:
    """Return a text with its colours as spans, and the classes that it ends with.

    Other escape sequences are left out.
    """
    pieces, at = [], 0
    for found in _ESCAPE.finditer(text):
        pieces.append(_piece(text[at : found.start()], classes))
        at = found.end()
        if found[1] is not None:
            classes = _after(classes, found[1])
    pieces.append(_piece(text[at:], classes))
    return Markup("").join(pieces), classes


def _piece(text: str, classes: set[str]) -> Markup:
    clean = escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))
    if not classes or not text:
        return clean
    names = " ".join(f"a-{name}" for name in sorted(classes))
    return Markup('<span class="{}">{}</span>').format(names, clean)


def _after(classes: set[str], codes: str) -> set[str]:
    """Return the classes after a sequence of codes (SGR)."""
    now = set(classes)
    numbers = [int(code) for code in re.split("[;:]", codes) if len(code) in _DIGITS]
    codes_left = iter(numbers or [0])
    for number in codes_left:
        if number in _EXTENDED:  # one of 256 colours, or of all: as it was
            left_out = {_OF_256: 1, _OF_ALL: 3}.get(next(codes_left, 0), 0)
            for _ in range(left_out):
                next(codes_left, None)
        elif number == 0:
            now = set()
        elif number in _STYLES:
            now.add(_STYLES[number])
        elif number in _ENDED:
            now -= _ENDED[number]
        elif number in range(30, 38) or number in range(90, 98):
            now = {name for name in now if name not in _COLOURS}
            now |= {_COLOURS[number % 10]} - {""}
        elif number == 39:  # noqa: PLR2004  (the default colour)
            now = {name for name in now if name not in _COLOURS}
    return now
