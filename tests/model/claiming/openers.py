"""Who opens parked jobs: ends, cancels, pauses, limits, and the duty."""

from collections.abc import Iterator

from .causes import (
    DUE,
    EXPIRED,
    PAUSED,
    Write,
    full,
    is_on_job,
    job_write,
    opened,
    opening,
    parent_of,
    promoted,
    settled,
    slots_of,
)
from .claims import is_claiming
from .rules import Rules
from .state import BARRIER, Actor, Rows, Slot, State, Status
from .worlds import Kind, World

Next = Iterator[tuple[str, State]]


class Openers:
    """All steps of those who end jobs or change what keeps them from starting."""

    def __init__(self, world: World, rules: Rules) -> None:
        self._world = world
        self._rules = rules

    def steps(self, state: State, place: int, kind: Kind) -> Next:
        """Yield what an actor may do next."""
        actor = state.actors[place]
        if actor.step == "lock":
            what, locks = actor.data
            if not self._rules.openers_lock:
                locks = frozenset()
            if not state.is_locked(place, locks):
                after = actor._replace(step="write", data=what, locks=locks)
                yield "has its locks", state.put(place, after)
            return
        if actor.step == "commit":
            rows = state.seen_by(place)
            is_done = kind not in (Kind.END, Kind.REOPEN)
            over = State(rows, state.actors).put(place, actor.idle(is_done=is_done))
            yield "commits", over
            return
        match kind:
            case Kind.END | Kind.CANCEL:
                moves = self._begin_move if actor.step == "idle" else self._move
                yield from moves(state, place, actor, kind)
            case Kind.PAUSE:
                yield from self._pause(state, place, actor)
            case Kind.LIMIT:
                yield from self._limit(state, place, actor)
            case _:
                yield from self._reopen(state, place, actor)

    def _begin_move(self, state: State, place: int, actor: Actor, kind: Kind) -> Next:
        """Read the limited keys of a job that is to leave its status."""
        for number in range(len(state.rows.jobs)):
            for event in self._events(state, number, actor, kind):
                locks = frozenset(map(full, state.rows.limited(number)))
                data = ((event, number, tuple(sorted(locks))), locks)
                after = actor._replace(step="lock", data=data)
                yield f"will {event} {number}", state.put(place, after)

    def _events(
        self, state: State, number: int, actor: Actor, kind: Kind
    ) -> Iterator[str]:
        job = state.rows.jobs[number]
        if kind is Kind.CANCEL:
            if actor.todo[:1] == (number,):
                yield "cancel"
        elif job.status is Status.RUNNING:
            yield "end"
            if number in self._world.retried:
                yield "retry"
        elif job.status is Status.WAITING and job.is_late:
            yield "expire"

    def _move(self, state: State, place: int, actor: Actor, _: Kind) -> Next:
        event, number, causes = actor.data
        if number in state.locked_rows(place):
            return  # waits for the row
        rows = state.seen_by(place)
        runs = event in ("end", "retry")
        if rows.jobs[number].status is not (Status.RUNNING if runs else Status.WAITING):
            yield "is refused", state.put(place, actor.idle(is_done=not runs))
            return
        target = Status.WAITING if event == "retry" else Status.ENDED
        writes: list[Write] = [job_write(number, status=target, held=None)]
        if runs and self._rules.slots_are_freed:
            writes += [("free", s.key, s) for s in slots_of(rows, [number])]
        found: list[int] = []
        if self._rules.end_opens if runs else self._rules.cancel_opens:
            some = [(one, 1) for one in causes]
            found = opened(state, place, _after_move(rows, number, target), some)
        writes += opening(found)
        shared: list[int] = []
        if target is Status.ENDED and self._rules.end_opens_dependents:
            after = _after_move(rows, number, target)
            settling, shared = settled(state, place, after, number, self._rules)
            writes += settling
        yield from _written(state, place, actor, writes, number, *shared)

    def _pause(self, state: State, place: int, actor: Actor) -> Next:
        if actor.step == "idle":
            if actor.todo:
                data = (actor.todo[0], frozenset([PAUSED]))
                yield actor.todo[0], state.put(place, _will_lock(actor, data))
        elif self._may_change(state):
            writes: list[Write] = [("paused", None, actor.data == "pause")]
            if actor.data == "resume" and self._rules.resume_opens:
                some = [(PAUSED, self._world.batch)]
                writes += opening(opened(state, place, state.rows, some))
            yield from _written(state, place, actor, writes)

    def _limit(self, state: State, place: int, actor: Actor) -> Next:
        key = "a"
        if actor.step == "idle":
            if actor.todo:
                data = (actor.todo[0], frozenset([full(key)]))
                after = _will_lock(actor, data)
                yield f"limit {actor.todo[0]}", state.put(place, after)
        elif self._may_change(state):
            rows, slots = state.seen_by(place), list[Slot]()
            jobs = [n for n, job in enumerate(rows.jobs) if _runs(rows, n, key)]
            if self._rules.limit_waits_for_ends and state.locked_rows(
                place
            ).intersection(jobs):
                return  # waits for the rows
            if self._rules.limit_counts_running:
                last = max((s.number for s in rows.slots if s.key == key), default=0)
                bare = [
                    n for n in jobs if key not in {s.key for s in slots_of(rows, [n])}
                ]
                slots = [Slot(key, last + 1 + i, n) for i, n in enumerate(bare)]
            writes: list[Write] = [("limit", key, actor.data)]
            writes += [("take", key, slot) for slot in slots]
            if self._rules.limit_opens:
                many = max(0, actor.data - len(rows.slots) - len(slots))
                some = [(full(key), min(self._world.batch, many))]
                writes += opening(opened(state, place, rows, some))
            locked = jobs if self._rules.limit_waits_for_ends else []
            yield from _written(state, place, actor, writes, *locked)

    def _may_change(self, state: State) -> bool:
        """Whether no claim is under way that may have read what is to be changed."""
        claiming = any(
            is_claiming(actor)
            for actor, kind in zip(state.actors, self._world.actors, strict=True)
            if kind is Kind.CLAIM
        )
        return not (self._rules.barrier and claiming)

    def _reopen(self, state: State, place: int, actor: Actor) -> Next:
        due = promoted(state, place, state.rows)
        if actor.step == "idle":
            causes = {
                job.held
                for job in state.rows.jobs
                if job.status is Status.WAITING and job.held not in (None, DUE)
            }
            if causes or due:
                data = (tuple(sorted(filter(None, causes))), frozenset(causes))
                after = _will_lock(actor, data)
                if not self._rules.reopen_locks_first:
                    writes = tuple(opening(due))
                    after = after._replace(writes=writes, rows=frozenset(due))
                yield "reads the causes", state.put(place, after)
            return
        rows = state.seen_by(place)
        rooms = [(o, self._room(rows, o)) for o in actor.data if not is_on_job(o)]
        found = opened(state, place, rows, rooms)
        if self._rules.reopen_locks_first:
            found += [number for number in due if number not in found]
        changes: list[Write] = [*opening(found)]
        shared: list[int] = []
        for one in filter(is_on_job, actor.data):
            if rows.jobs[parent_of(one)].status is Status.ENDED:
                some, others = settled(state, place, rows, parent_of(one), self._rules)
                changes += some
                shared += others
        yield from _written(state, place, actor, changes, *shared)

    def _room(self, rows: Rows, one: str) -> int:
        if one == EXPIRED:
            return 0
        if one == PAUSED:
            return 0 if rows.is_paused else self._world.batch
        key = one.partition(":")[2]
        most, taken = rows.most(key), sum(s.key == key for s in rows.slots)
        batch = self._world.batch
        return batch if most is None else min(batch, max(0, most - taken))


def _runs(rows: Rows, number: int, key: str) -> bool:
    job = rows.jobs[number]
    return key in job.keys and job.status is Status.RUNNING


def _after_move(rows: Rows, number: int, target: Status) -> Rows:
    return rows.put(number, rows.jobs[number]._replace(status=target, held=None))


def _will_lock(actor: Actor, data: object) -> Actor:
    return actor._replace(step="lock", data=data)


def _written(
    state: State, place: int, actor: Actor, writes: list[Write], *rows: int
) -> Next:
    changed: set[int] = {number for what, number, _ in writes if what == "job"}
    is_barred = any(what in ("paused", "limit") for what, _, _ in writes)
    locks = actor.locks | {BARRIER} if is_barred else actor.locks
    after = actor._replace(
        step="commit",
        data=None,
        writes=(*actor.writes, *writes),
        locks=locks,
        rows=actor.rows.union(changed, rows),
    )
    yield "writes", state.put(place, after)
