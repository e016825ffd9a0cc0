"""Gives turns to jobs with a fairness key, so that no key waits for all of another's.

Start-time fair queueing (Goyal, Vin and Cheng, 1996), with jobs of one size: the turn
of a job is one more than the last of its key, and not less than the one that is next.
A job without a turn stands in front: the next claim gives it one, or parks it behind
the `RANKED` first jobs of its key. Whoever starts one opens the next.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Final

import sqlalchemy as sa

from interlock.core.job import Job
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.statements import claiming
from interlock_adapters.sql.store import parking
from interlock_adapters.sql.store.candidates import FAIR, Candidate

RANKED: Final = 32  # jobs of a key that have a turn and wait
_PARKED: Final = 2_000  # in one statement
_LAST: Final = sa.text(
    "SELECT fair_key, turn FROM interlock_turn WHERE fair_key IN :keys"
)
_KEEP: Final = sa.text(
    "INSERT INTO interlock_turn (fair_key, turn) VALUES (:fair_key, :turn)"
    " ON CONFLICT (fair_key) DO UPDATE SET turn = excluded.turn"
    " WHERE excluded.turn > interlock_turn.turn"
)


def rank(
    connection: sa.Connection, jobs: Collection[Candidate], flavor: Flavor
) -> list[Candidate]:
    """Return the jobs in their order, each of a fairness key with a turn.

    Those that were parked, or that others rank just now, are left out.
    """
    waiting = {job.id: job for job in jobs if job.is_unranked}
    if not waiting:
        return list(jobs)
    given = {"ids": parking.as_list(waiting, flavor)}
    if flavor.is_postgres:
        locked = connection.execute(claiming.locked(flavor, most=False), given)
        waiting = {job_id: waiting[job_id] for job_id in locked.scalars()}
    ranked = [job for job in jobs if not job.is_unranked]
    by_key: dict[str, list[Candidate]] = defaultdict(list)
    for job in sorted(waiting.values(), key=lambda job: job.rank):
        by_key[str(job.fair_key)].append(job)
    present = _present(connection, list(by_key), flavor)
    last = _last(connection, by_key)
    first = min((job.turn for job in ranked if job.fair_key is not None), default=1)
    turns = []
    for key, some in by_key.items():
        turn = last.get(key, 0)
        for job in some[: max(0, RANKED - present[key])]:
            turn = max(first, turn + 1)
            job.turn = turn
            turns.append({"job_id": job.id, "turn": turn})
            ranked.append(job)
        last[key] = turn
    if turns:
        connection.execute(claiming.give_turn(), turns)
        kept = [{"fair_key": key, "turn": last[key]} for key in sorted(by_key)]
        connection.execute(_KEEP, kept)
    for key, some in sorted(by_key.items()):
        if len(some) > RANKED - present[key]:
            _park_rest(connection, key, flavor)
    return sorted(ranked, key=lambda job: job.rank)


def room(connection: sa.Connection, key: str, flavor: Flavor) -> int:
    """Return how many more jobs of a key may have a turn."""
    return RANKED - _present(connection, [key], flavor)[key]


def _present(
    connection: sa.Connection, keys: Collection[str], flavor: Flavor
) -> Counter[str]:
    """Return how many jobs of each key have a turn."""
    found = connection.execute(
        claiming.ranked(flavor), {"keys": parking.as_list(keys, flavor)}
    )
    return Counter({row.fair_key: row.many for row in found})


def _last(connection: sa.Connection, keys: Collection[str]) -> dict[str, int]:
    expanding: sa.BindParameter[list[str]] = sa.bindparam("keys", expanding=True)
    found = connection.execute(_LAST.bindparams(expanding), {"keys": list(keys)})
    return {row.fair_key: row.turn for row in found}


def _park_rest(connection: sa.Connection, key: str, flavor: Flavor) -> None:
    """Park the jobs of a key that have no turn: there are enough that have one."""
    given = {"key": key, "cause": FAIR + key, "many": _PARKED}
    connection.execute(claiming.park_unranked(flavor), given)


def follow(connection: sa.Connection, started: Iterable[Job], flavor: Flavor) -> None:
    """Open the next jobs of the keys of jobs that started."""
    keys = Counter(job.fair_key for job in started if job.fair_key is not None)
    causes = {FAIR + key: many for key, many in sorted(keys.items())}
    parking.open_some(connection, causes, flavor)
