"""No SQL starts a job beyond a limit of its keys, nor one that is held."""

from interlock.core.lifecycle import Event, JobStatus, Proof
from interlock.core.limits import Rate

from .raw import Raw, move

CLAIM = move(Event.CLAIM, JobStatus.RUNNING) + " WHERE id = ?"
SLOT = "INSERT INTO interlock_slot (key, number, job_id, attempt) VALUES (?, ?, ?, ?)"
KEY = "exclusive:f:model=a"
KEYS = {KEY: {"limit": "exclusive:f", "weight": 1}}


def test_no_second_job_of_an_exclusive_key_starts(raw: Raw) -> None:
    scene = raw.scene
    scene.store.set_limit("exclusive:f", 1)
    first = scene.running("a", name="f", keys=KEYS)
    scene.add("b", name="f", keys=KEYS)
    raw.refuse(CLAIM, "b", why="the guards of claim are not met")
    for number in (0, 1, 2, -1):
        assert not raw.accepts(SLOT, KEY, number, "b", 1)
    assert not raw.accepts(SLOT, "exclusive:f", 1, "b", 1)  # no key of its own
    assert not raw.accepts("DELETE FROM interlock_slot")
    assert not raw.accepts("UPDATE interlock_slot SET job_id = 'b'")
    assert not raw.accepts("UPDATE interlock_job SET keys = NULL WHERE id = 'b'")
    scene.apply(first, Event.SUCCEED, proof=Proof.INLINE)
    assert not raw.accepts(SLOT, KEY, 2, "b", 1)
    with raw.undone():
        raw.run(SLOT, KEY, 1, "b", 1)
        assert raw.run(CLAIM, "b") == 1


def test_a_weight_needs_all_its_slots(raw: Raw) -> None:
    raw.scene.store.set_limit("gpu", 3)
    raw.scene.add("b", name="f", keys={"gpu": {"limit": "gpu", "weight": 2}})
    with raw.undone():
        raw.run(SLOT, "gpu", 1, "b", 1)
        raw.refuse(CLAIM, "b", why="the guards of claim are not met")
    with raw.undone():
        raw.run(SLOT, "gpu", 1, "b", 1)
        raw.run(SLOT, "gpu", 2, "b", 1)
        assert raw.run(CLAIM, "b") == 1


def test_no_start_without_a_rate_that_allows_it(raw: Raw) -> None:
    raw.scene.store.set_limit("name:f", None, Rate(1, 3600))
    raw.scene.running("a", name="f")
    raw.scene.add("b", name="f")
    raw.refuse(CLAIM, "b", why="the guards of claim are not met")


def test_what_is_held_does_not_start_by_hand(raw: Raw) -> None:
    scene = raw.scene
    scene.apply(scene.add("a", name="f"), Event.HOLD)
    raw.refuse(CLAIM, "a", why="the guards of claim are not met")
    scene.add("b", name="g", keys={"k": {"limit": "k", "weight": 1}})
    scene.hold("key:k")
    raw.refuse(CLAIM, "b", why="the guards of claim are not met")


def test_a_hold_by_hand_needs_its_event_and_is_logged(raw: Raw) -> None:
    raw.scene.add("a", name="f")
    raw.refuse("UPDATE interlock_job SET hold_by = 'me'", why="with an event")
    raw.refuse(
        "UPDATE interlock_job SET hold_by = 'me', event = 'release_hold'",
        why="with an event",
    )
    held = "UPDATE interlock_job SET hold_by = 'me', event = 'hold'"
    assert raw.run(held) == 1
    raw.refuse("UPDATE interlock_job SET hold_by = 'you'", why="with an event")
    last = raw.scene.store.history("a")[-1]
    assert (last.event, last.actor) == (Event.HOLD, "sql")
    released = "UPDATE interlock_job SET hold_by = NULL, event = 'release_hold'"
    assert raw.run(released) == 1
    assert raw.scene.store.verify() == []
    raw.scene.claim("f")
    raw.refuse(held, why="with an event")
