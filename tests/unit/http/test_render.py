"""How the dashboard writes values."""

from __future__ import annotations

from interlock_adapters.http.dashboard import render


def test_a_size_is_written_for_people() -> None:
    assert [render.size(size) for size in (None, 0, 3 * 2**19)] == [
        "",
        "0.0 MiB",
        "1.5 MiB",
    ]
