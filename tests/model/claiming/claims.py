"""The statements of a claim: look, lock rows, take slots, start, park."""

from collections.abc import Iterator
from typing import NamedTuple

from .causes import (
    Write,
    cause,
    full,
    is_on_job,
    job_write,
    opened,
    opening,
    parent_of,
    promoted,
    slots_of,
)
from .rules import Rules
from .state import BARRIER, IDLE, Actor, Rows, Slot, State, Status

LIMIT = 2  # the jobs that a claim may start


class Look(NamedTuple):
    """What a claim saw, and what it has made of it."""

    window: tuple[int, ...]
    likely: tuple[int, ...]
    rows: Rows  # the slots that it has taken out are taken here
    slots: tuple[Slot, ...] = ()  # still to be inserted
    chosen: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()
    lost: frozenset[int] = frozenset()  # they did not get all of their slots


Next = Iterator[tuple[str, State]]


class Claims:
    """All steps of an actor that claims. See `_Claim.run`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def steps(self, state: State, place: int) -> Next:
        """Yield what a claim may do next."""
        actor = state.actors[place]
        match actor.step:
            case "idle":
                yield from self._look(state, place)
            case "rows":
                yield "locks rows", self._rows(state, place, actor, actor.data)
            case "slots":
                yield from self._slots(state, place, actor, actor.data)
            case "try":
                yield from self._try(state, place, actor, actor.data)
            case "park":
                yield "parks", self._park(state, place, actor, actor.data)
            case _:
                rows = state.seen_by(place)
                yield "commits", State(rows, state.actors).put(place, actor.idle())

    def _look(self, state: State, place: int) -> Next:
        if self._rules.barrier and state.is_locked(place, [BARRIER]):
            return
        due = self._rules.claim_promotes
        found = promoted(state, place, state.rows) if due else []
        actor = Actor("rows", writes=tuple(opening(found)), rows=frozenset(found))
        rows = state.put(place, actor).seen_by(place)
        window = tuple(n for n, job in enumerate(rows.jobs) if job.is_open)
        likely, spare = [], {k: len(rows.free(k) or ()) for k, _ in rows.limits}
        for number in window:
            job = rows.jobs[number]
            if cause(number, rows, self._rules) is None:
                if self._rules.look_sees_slots:
                    if any(spare.get(key) == 0 for key in job.keys):
                        continue
                    spare |= {key: spare[key] - 1 for key in job.keys if key in spare}
                likely.append(number)
        if window:
            actor = actor._replace(data=Look(window, tuple(likely), rows))
            yield "looks", state.put(place, actor)

    def _rows(self, state: State, place: int, actor: Actor, look: Look) -> State:
        now, locked = state.seen_by(place), state.locked_rows(place)
        chosen = [n for n in look.likely if now.jobs[n].is_open and n not in locked]
        chosen = chosen[:LIMIT]
        rows, slots = look.rows, []
        for number in chosen:
            for key in rows.jobs[number].keys:
                if free := rows.free(key):
                    slots.append(Slot(key, free[0], number))
                    rows = rows._replace(slots=rows.slots | {slots[-1]})
        slots = sorted(slots) if self._rules.slots_in_order else slots
        look = look._replace(chosen=tuple(chosen), slots=tuple(slots), rows=rows)
        actor = actor._replace(step="slots", data=look, rows=actor.rows.union(chosen))
        return state.put(place, actor if chosen else self._then(actor, look))

    def _slots(self, state: State, place: int, actor: Actor, look: Look) -> Next:
        if not look.slots:
            yield "starts", state.put(place, self._start(state, place, actor, look))
            return
        slot, *others = look.slots
        number = (slot.key, slot.number)
        for other, rival in enumerate(state.actors):
            if other != place and self._rules.slot_is_unique:
                for what, _, value in rival.writes:
                    if what in ("take", "free") and value[:2] == number:
                        return  # waits for that transaction
        rows = state.seen_by(place)
        most = rows.most(slot.key)
        above = sum(s.key == slot.key and s.number > slot.number for s in rows.slots)
        is_over = most is not None and slot.number + above > most
        if is_over and self._rules.slot_needs_room:
            yield "is refused by the trigger", state.put(place, actor.idle())
            return
        is_taken = any(s[:2] == number for s in rows.slots)
        look = look._replace(slots=tuple(others))
        if is_taken and self._rules.slot_is_unique:
            chosen = tuple(n for n in look.chosen if n != slot.job)
            lost = look.lost | {slot.job}
            actor = actor._replace(data=look._replace(chosen=chosen, lost=lost))
        else:
            write = ("take", slot.key, slot)
            actor = actor._replace(data=look, writes=(*actor.writes, write))
        yield "takes a slot", state.put(place, actor)

    def _start(self, state: State, place: int, actor: Actor, look: Look) -> Actor:
        """Return the claim after its UPDATE, whose guards decide."""
        rows = state.seen_by(place)
        started = [n for n in look.chosen if self._may_start(rows, n)]
        refused = (set(look.chosen) - set(started)) | look.lost
        writes: list[Write] = [
            job_write(n, status=Status.RUNNING, held=None) for n in started
        ]
        if self._rules.gives_back:
            writes += [("free", s.key, s) for s in slots_of(rows, refused)]
        actor = actor._replace(writes=(*actor.writes, *writes))
        window = tuple(n for n in look.window if n not in started)
        return self._then(actor, look._replace(window=window))

    def _may_start(self, rows: Rows, number: int) -> bool:
        job, rules = rows.jobs[number], self._rules
        has_slot = len(slots_of(rows, [number])) >= len(rows.limited(number))
        return (
            (has_slot or not rules.update_needs_slot)
            and not (
                rules.update_needs_open_queue and rows.is_paused and job.queue == "q"
            )
            and not (rules.update_needs_moment and (job.is_early or job.is_late))
            and not (rules.update_needs_parents and rows.awaited(number))
        )

    def _then(self, actor: Actor, look: Look) -> Actor:
        """Return the claim before it parks what nobody may start, or commits."""
        blocked = tuple(n for n in look.window if cause(n, look.rows, self._rules))
        if not blocked:
            return actor._replace(step="commit", data=None)
        look = Look((), (), look.rows, blocked=blocked)
        return actor._replace(step="try", data=look)

    def _try(self, state: State, place: int, actor: Actor, look: Look) -> Next:
        needed: set[str] = set()
        for number in look.blocked:
            held = cause(number, look.rows, self._rules)
            if not is_on_job(held):
                needed.add(held or "")
                needed.update(map(full, look.rows.limited(number)))
        got = {one for one in needed if not state.is_locked(place, [one])}
        if not self._rules.parker_only_tries and got != needed:
            return  # waits, and holds rows
        if needed and not got and self._rules.parker_locks:
            over = actor._replace(step="commit", data=None)
            yield "gets no lock", state.put(place, over)
            return
        locks = frozenset(got if self._rules.parker_locks else ())
        yield "tries locks", state.put(place, actor._replace(step="park", locks=locks))

    def _park(self, state: State, place: int, actor: Actor, look: Look) -> State:
        now, locked = state.seen_by(place), state.locked_rows(place)
        rows = now if self._rules.looks_again else look.rows
        writes, passed = list[Write](), dict[str, int]()
        mine = {n for n in look.blocked if now.jobs[n].is_open} - locked
        parents = set[int]()
        for number in sorted(mine):
            job = rows.jobs[number]
            held = cause(number, rows, self._rules)
            if is_on_job(held):
                parent = parent_of(str(held))
                if parent not in locked or not self._rules.parker_locks_parents:
                    writes.append(job_write(number, held=held))
                    parents |= {parent} if self._rules.parker_locks_parents else set()
                continue
            needed = {held, *map(full, rows.limited(number))}
            is_mine = needed <= actor.locks or not self._rules.parker_locks
            if held is not None and is_mine:
                writes.append(job_write(number, held=held))
                passed |= {full(key): 1 for key in job.keys if rows.free(key)}
        if self._rules.passes_on:
            writes += opening(opened(state, place, now, passed.items()))
        changed: set[int] = {number for _, number, _ in writes}
        return state.put(
            place,
            actor._replace(
                step="commit",
                data=None,
                writes=(*actor.writes, *writes),
                rows=actor.rows.union(mine, changed, parents),
            ),
        )


def is_claiming(actor: Actor) -> bool:
    """Whether a claim holds the barrier, shared."""
    return actor.step != IDLE
