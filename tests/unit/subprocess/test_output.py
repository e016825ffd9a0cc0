"""What the log of a job says of what its processes write."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock_adapters.subprocess.shim.output import EVERY_S, LINE, SOON_S, Capture

TEXT = st.text(alphabet="ab é€😀\r\n\t", max_size=60)
CUTS = st.lists(st.integers(0, 200), max_size=8)
BYTES = st.binary(max_size=60)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[start:end] for start, end in pairwise(places)]


def log_of(*chunks: bytes, looks_s: float = 0.0) -> list[str]:
    """Return the lines of chunks that come one after the other."""
    capture, lines = Capture(), []
    for number, chunk in enumerate(chunks):
        lines += capture.feed(chunk, number * looks_s)
        lines += capture.due((number + 1) * looks_s)
    return lines + capture.finish()


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"one\ntwo\r\n\n\r\nthree", ["one", "two", "", "", "three"]),
        (b"\r 10%\r 50%\r100%\n", ["100%"]),
        (b"10%\r50%\r100%\r", ["100%"]),
        (b"10%\r50%\r\nnext\n", ["50%", "next"]),
        (b"90%\r       \rready\n", ["ready"]),
        (b"\r90%\r       \r", ["90%"]),
        (b"\r\x1b[2K90%\r\x1b[2K\x1b[?25h", ["\x1b[2K90%"]),
        (b"\r 1/9\n\r1%\x1b[A\n\r2%\x1b[A\n\r3%\n", [" 1/9", "3%"]),
        (b"   \r\n\x1b[0m\n", ["   ", "\x1b[0m"]),
        (b"\x1b[31mred\x1b[0m\n", ["\x1b[31mred\x1b[0m"]),
        (b"x" * (LINE + 2) + b"\r50%\n", ["x" * LINE, "50%"]),
    ],
)
def test_a_line_has_the_last_state_of_what_was_drawn(
    written: bytes, lines: list[str]
) -> None:
    assert log_of(written) == lines
    assert log_of(*(bytes([byte]) for byte in written)) == lines


def test_a_line_that_has_not_ended_is_passed_on_soon_and_then_each_second() -> None:
    capture = Capture()
    assert capture.due_at() == float("inf")
    assert capture.feed(b"Loading... ", 10) == []
    assert capture.due_at() == 10 + SOON_S
    assert capture.due(10 + SOON_S - 0.01) == []
    assert capture.due(10 + SOON_S) == ["Loading... "]
    assert capture.due_at() == float("inf")
    assert capture.feed(b".", 10.6) == []
    assert capture.feed(b".", 10.7) == []
    assert capture.due_at() == 10 + SOON_S + EVERY_S
    assert capture.due(10 + SOON_S + EVERY_S) == [".."]
    assert capture.feed(b"\nnext\n", 12) == ["next"]
    assert capture.finish() == []


def test_a_bar_is_passed_on_once_a_second_and_at_its_end() -> None:
    capture = Capture()
    lines = []
    for tenth in range(35):
        lines += capture.feed(b"\r%3d" % tenth, tenth / 10)
        lines += capture.due(tenth / 10)
    lines += capture.feed(b"\r100\n", 3.5)
    assert lines == ["  5", " 15", " 25", "100"]


def test_a_bar_that_is_passed_on_leaves_no_empty_line() -> None:
    for written in (b"50%\r", b"\r50%"):
        capture = Capture()
        capture.feed(written, 0)
        assert capture.due(9) == ["50%"]
        assert capture.feed(b"\r    \r\n", 9) == []
        assert capture.feed(b"\n", 9) == [""]


def test_a_character_is_never_cut() -> None:
    euro = "€".encode()
    capture = Capture()
    assert capture.feed(b"1" + euro[:2], 0) == []
    assert capture.due(9) == ["1"]
    assert capture.due_at() == float("inf") or capture.due(20) == []
    assert capture.feed(euro[2:], 21) == []
    assert capture.due(30) == ["€"]
    assert log_of("€".encode() * LINE) == ["€" * (LINE // 3)] * 3 + ["€" * 2]


@given(BYTES | TEXT.map(str.encode), CUTS)
def test_whatever_the_chunks_the_same_lines_come_out(
    written: bytes, at: list[int]
) -> None:
    assert log_of(*cut(written, at)) == log_of(written)


@given(st.text(alphabet="ab é€😀\n", max_size=60), CUTS, st.sampled_from([0.0, 0.3, 9]))
def test_nothing_is_lost_whenever_it_is_passed_on(
    written: str, at: list[int], looks_s: float
) -> None:
    lines = log_of(*cut(written.encode(), at), looks_s=looks_s)
    assert "".join(lines) == written.replace("\n", "")


@given(TEXT, CUTS, st.sampled_from([0.0, 0.3, 9]))
def test_only_what_was_drawn_over_is_lost(
    written: str, at: list[int], looks_s: float
) -> None:
    log = "\n".join(log_of(*cut(written.encode(), at), looks_s=looks_s))
    kept = [re.split("[\r]", line) for line in written.split("\n")]
    last = [next((p for p in reversed(line) if p.strip()), "") for line in kept]
    assert _letters("".join(last)) in _subsequences(_letters(log))
    assert _letters(log) in _subsequences(_letters(written))


def _letters(text: str) -> str:
    return re.sub(r"\s", "", text)


class _subsequences:  # noqa: N801  (reads as a word)
    def __init__(self, text: str) -> None:
        self._text = text

    def __contains__(self, part: object) -> bool:
        rest = iter(self._text)
        return all(letter in rest for letter in str(part))


class _Counting(Capture):
    drawn = 0

    def _draw(self, line: bytes) -> list[bytes]:
        self.drawn += 1
        return super()._draw(line)


def test_lines_that_the_tail_cannot_keep_cost_nothing_and_are_counted() -> None:
    capture = _Counting(head=64, tail=640)
    data = b"".join(b"%05d\n" % number for number in range(10_000))
    first = capture.feed(b"first\n", 0.0)
    assert capture.feed(data, 0.0) == []
    assert capture.drawn < 20
    marker, *tail = capture.finish()
    assert first == ["first"]
    assert tail == [f"{number:05}" for number in range(10_000 - len(tail), 10_000)]
    assert marker == (
        f"[interlock: {6 * (10_000 - len(tail))} bytes of output dropped here]"
    )
