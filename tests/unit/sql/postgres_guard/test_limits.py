"""The cases of `sqlite_guard.test_limits`, on a real PostgreSQL server."""

from __future__ import annotations

from unit.sql.sqlite_guard import test_limits as cases

from .test_edges import PostgresRaw, raw

__all__ = ["raw"]  # the fixture


def test_no_second_job_of_an_exclusive_key_starts(raw: PostgresRaw) -> None:
    cases.test_no_second_job_of_an_exclusive_key_starts(raw)


def test_no_start_without_a_rate_that_allows_it(raw: PostgresRaw) -> None:
    cases.test_no_start_without_a_rate_that_allows_it(raw)


def test_what_is_held_does_not_start_by_hand(raw: PostgresRaw) -> None:
    cases.test_what_is_held_does_not_start_by_hand(raw)


def test_a_hold_by_hand_needs_its_event_and_is_logged(raw: PostgresRaw) -> None:
    cases.test_a_hold_by_hand_needs_its_event_and_is_logged(raw)
