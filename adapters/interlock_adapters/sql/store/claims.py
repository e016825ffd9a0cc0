"""Chooses and claims jobs in one transaction, at a cost that no backlog changes.

A claim looks at the first open jobs. It starts what it may, and parks what nobody may
start, so that no later claim meets it again (`parking`). What only this worker cannot
run is passed over, with one seek a registered name if nothing else is in front. The
slots of limited keys are rows: their primary key decides between two claims.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from interlock.core.job import Job
from interlock.core.records import ClaimRequest
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.statements import claiming, rows, updates
from interlock_adapters.sql.store import (
    dependencies,
    dropping,
    fairness,
    parking,
    rates,
)
from interlock_adapters.sql.store.candidates import Candidate, Facts

_ROUNDS: Final = 3  # how often it looks again after it has parked what it saw
_DUE: Final = 100  # the most jobs that a claim promotes


def is_any(connection: sa.Connection, request: ClaimRequest, flavor: Flavor) -> bool:
    """Whether a claim may find something to do; takes no lock."""
    size = _size(request)
    facts = _window(connection, size, flavor, request.now, request.without)
    if facts.has_due or len(facts.candidates) == size:
        return True
    return any(
        _is_mine(job, request) or job.is_unranked or facts.cause(job) is not None
        for job in facts.candidates
    )


def claim(
    connection: sa.Connection,
    request: ClaimRequest,
    flavor: Flavor,
    *,
    lease_now: int | None,
    epoch: str,
    write: dropping.Write,
) -> tuple[list[Job], bool]:
    """See `JobStore.claim`. The caller has begun a transaction that writes.

    Args:
        connection: in that transaction.
        request: what is asked for.
        flavor: of the database.
        lease_now: the lease clock, None if it is the database's.
        epoch: what that counts from.
        write: applies moves, for jobs that a full limit drops.

    Returns:
        The jobs, and whether it has only parked jobs: another claim may find some.
    """
    this = _Claim(
        connection, request, flavor, lease_now=lease_now, epoch=epoch, write=write
    )
    jobs, is_unfinished = this.run()
    return jobs, is_unfinished


class _Claim:
    """One claim."""

    def __init__(
        self,
        connection: sa.Connection,
        request: ClaimRequest,
        flavor: Flavor,
        *,
        lease_now: int | None,
        epoch: str,
        write: dropping.Write,
    ) -> None:
        self._write = write
        self._connection = connection
        self._request = request
        self._flavor = flavor
        self._lease_now = lease_now
        self._epoch = epoch
        self._now: datetime = request.now

    def run(self) -> tuple[list[Job], bool]:
        """Start jobs; look again after what stood in front was parked."""
        size = _size(self._request)
        if self._flavor.is_postgres:
            begun = self._connection.execute(claiming.begin_claim()).one()
            if self._flavor.now is not None:
                self._now = begun.now
        for _ in range(_ROUNDS):
            facts = self._ranked(self._look(size), size)
            window = facts.candidates
            likely = _plan([j for j in window if _is_mine(j, self._request)], facts)
            is_full = len(window) == size
            if is_full and len(likely) < self._request.limit:
                heads = self._heads(likely, facts)
                heads = fairness.rank(self._connection, heads, self._flavor)
                likely = _plan(heads, facts)
                window = list({job.id: job for job in (*window, *heads)}.values())
            started = self._start(likely, facts)
            # `_start` took its slots out of `facts`: what finds none left is parked.
            ids = {job.id for job in started}
            blocked = [j for j in window if j.id not in ids and facts.cause(j)]
            parked, opened = self._park(blocked, facts) if blocked else (0, 0)
            if started or not (opened or (parked and is_full)):
                return started, False  # who got less than the limit comes again
            if is_full:
                size *= 2
        return [], True

    def _look(self, size: int) -> Facts:
        facts = self._window(size)
        if facts.has_due:
            parking.promote(self._connection, self._flavor, self._now, _DUE)
            facts = self._window(size)
        return facts

    def _ranked(self, facts: Facts, size: int) -> Facts:
        """Give turns to those that wait for one; look again behind what was parked."""
        for _ in range(_ROUNDS):
            before = facts.candidates
            facts.candidates = fairness.rank(self._connection, before, self._flavor)
            if len(facts.candidates) == len(before) or len(before) < size:
                break
            facts = self._window(size)
        return facts

    def _window(self, size: int) -> Facts:
        without = self._request.without
        return _window(self._connection, size, self._flavor, self._now, without)

    def _heads(self, likely: list[Candidate], facts: Facts) -> list[Candidate]:
        """Return also the best jobs of the own lanes, whatever stands before them.

        Their facts are added to `facts`.
        """
        request, flavor = self._request, self._flavor
        by_queue = request.queues is not None
        has_lanes_by_queue = by_queue or bool(facts.paused)
        statement = claiming.lanes(
            flavor, by_queue=by_queue, is_paused=bool(facts.paused)
        )
        values = {
            "names": parking.as_list(sorted(request.names), flavor),
            "queues": parking.as_list(sorted(request.queues or ()), flavor),
            "many": request.limit,
        }
        if not by_queue:
            del values["queues"]
        best = self._connection.execute(statement, values).mappings().all()
        without = _without(request.without, flavor)
        one = claiming.of_lane(
            flavor, by_queue=has_lanes_by_queue, has_without=bool(without)
        )
        ids = {job.id for job in likely}
        for lane in best:
            seek = {**lane, **without, "many": 2 * request.limit}
            found = self._connection.execute(one, seek)
            ids |= set(found.scalars())
        again = parking.look_again(self._connection, sorted(ids), flavor, self._now)
        facts.add(again)
        return again.candidates

    def _park(self, blocked: list[Candidate], facts: Facts) -> tuple[int, int]:
        """Park jobs; return how many, and how many were opened in their places."""
        connection, flavor, now = self._connection, self._flavor, self._now
        many = 0
        dependent = [job.id for job in blocked if job.is_blocked]
        if dependent:
            waiting, ends = dependencies.settle(connection, dependent, flavor, now)
            many = len(waiting) + len(ends)
            if ends:
                self._write(ends)
            blocked = [job for job in blocked if not job.is_blocked]
            if not blocked:
                return many, 0
        others, opened, parked = parking.park(connection, blocked, facts, flavor, now)
        many += others
        if dropping.wanted(parked.candidates):
            dropping.settle(connection, parked, self._write, now)
        return many, opened

    def _start(self, likely: list[Candidate], facts: Facts) -> list[Job]:
        """Start the first jobs of a plan. Rows that others claim now are left out.

        It takes no lock of a cause: two claims cannot have one slot.
        """
        if not facts.free and not facts.starts:  # nothing is to be taken first
            return self._claim(likely, is_locking=self._flavor.is_postgres)
        chosen = self._lock_rows(likely)
        slots = [
            (key, facts.free[key].pop(0), job.id)
            for job in chosen
            for key, _, weight in job.keys
            if key in facts.free
            for _ in range(weight)
        ]
        # Sorted: who waits for another's slot holds no later one.
        lost = self._take(sorted(slots)) if slots else set()
        if facts.starts:
            lost |= self._charge([job for job in chosen if job.id not in lost], facts)
        chosen = [job for job in chosen if job.id not in lost]
        jobs = self._claim(chosen)
        refused = {job.id for job in chosen} - {job.id for job in jobs}
        if refused and slots:
            self._give_back(refused)
        if refused and facts.starts:
            rates.give_back(self._connection, refused, self._now)
        return jobs

    def _claim(self, chosen: list[Candidate], *, is_locking: bool = False) -> list[Job]:
        """Start jobs, at most as many as are asked for.

        `is_locking`: of those that nobody else claims now; else all are known to be so.
        """
        if not chosen:
            return []
        limit, flavor = self._request.limit, self._flavor
        ids = [job.id for job in (chosen if is_locking else chosen[:limit])]
        values = {
            **({"ids": ids, "many": limit} if is_locking else {"p_ids": ids}),
            "p_now": self._now,
            "p_worker_id": self._request.worker_id,
            "p_lease_now": self._lease_now,
            "p_lease_us": round(self._request.lease.total_seconds() * 1_000_000),
            "p_lease_epoch": self._epoch,
        }
        alone = not any(job.may_wait for job in chosen)
        statement = updates.claim(flavor, alone=alone, is_locking=is_locking)
        found = self._connection.execute(statement, values)
        places = {job.id: job.rank for job in chosen}
        jobs = [rows.to_job(row, now=self._now) for row in found.mappings()]
        jobs.sort(key=lambda job: places[job.id])
        fairness.follow(self._connection, jobs, flavor)
        return jobs

    def _charge(self, jobs: Iterable[Candidate], facts: Facts) -> set[str]:
        """Take the starts of rates; return the jobs that did not get all of theirs."""
        connection, flavor, now = self._connection, self._flavor, self._now
        lost = rates.charge(connection, jobs, facts, flavor, now)
        if lost:
            self._give_back(lost)
        return lost

    def _lock_rows(self, likely: list[Candidate]) -> list[Candidate]:
        limit, flavor = self._request.limit, self._flavor
        if not likely or not flavor.is_postgres:
            return likely[:limit]
        ids = parking.as_list((job.id for job in likely), flavor)
        statement = claiming.locked(flavor, most=True)
        found = self._connection.execute(statement, {"ids": ids, "many": limit})
        locked = set(found.scalars())
        return [job for job in likely if job.id in locked]

    def _take(self, slots: list[tuple[str, int, str]]) -> set[str]:
        """Take slots; return the jobs that did not get all of theirs."""
        statement = claiming.take_slots(self._flavor)
        if not self._flavor.is_postgres:  # the only writer: every slot is free
            names = ("key", "number", "job_id")
            self._connection.execute(
                statement, [dict(zip(names, slot, strict=True)) for slot in slots]
            )
            return set()
        keys, numbers, ids = zip(*slots, strict=True)
        values = {"keys": list(keys), "numbers": list(numbers), "ids": list(ids)}
        got = Counter(self._connection.execute(statement, values).scalars())
        lost = {job_id for job_id, many in Counter(ids).items() if got[job_id] < many}
        if lost:
            self._give_back(lost)
        return lost

    def _give_back(self, ids: Iterable[str]) -> None:
        values = {"ids": parking.as_list(sorted(ids), self._flavor)}
        self._connection.execute(claiming.give_slots_back(self._flavor), values)


def _size(request: ClaimRequest) -> int:
    """Return how many jobs a claim looks at first."""
    return 4 * request.limit + 64


def _window(
    connection: sa.Connection,
    size: int,
    flavor: Flavor,
    now: datetime,
    passed_over: frozenset[str],
) -> Facts:
    without = _without(passed_over, flavor)
    statement = claiming.look(flavor, "window", has_without=bool(without))
    given = {"size": size, **without}
    return parking.look(connection, statement, given, flavor, now)


def _without(passed_over: frozenset[str], flavor: Flavor) -> dict[str, object]:
    """Return the parameter of the ids that are passed over, if there are any."""
    return {"without": parking.as_list(passed_over, flavor)} if passed_over else {}


def _is_mine(job: Candidate, request: ClaimRequest) -> bool:
    if job.name not in request.names:
        return False
    return request.queues is None or job.queue in request.queues


def _plan(jobs: Iterable[Candidate], facts: Facts) -> list[Candidate]:
    """Return those that may start together, in order.

    Nothing is taken before everything was found free: what waits holds nothing.
    """
    slots = {key: len(numbers) for key, numbers in facts.free.items()}
    starts = {key: len(some.free) for key, some in facts.starts.items()}
    likely = []
    for job in jobs:
        is_room = all(
            slots.get(key, weight) >= weight and starts.get(key, weight) >= weight
            for key, _, weight in job.keys
        )
        if is_room and facts.cause(job) is None:
            likely.append(job)
            for key, _, weight in job.keys:
                for spare in (slots, starts):
                    if key in spare:
                        spare[key] -= weight
    return likely
