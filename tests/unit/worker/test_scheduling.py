"""What a worker does for schedules besides firing them."""

from __future__ import annotations

from datetime import timedelta

from interlock import Schedule
from interlock.core.ticks import ScheduleEdit, new_schedule
from interlock.testing.clock import START, ManualClock
from interlock.worker.scheduling import KEPT, KEPT_OF_EACH, Scheduling
from interlock_adapters.memory import MemoryStore


def test_old_ticks_go_and_the_newest_stay() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    scheduling = Scheduling(store, {}, "w")
    for name, step in (("often", "1s"), ("seldom", "30m")):
        schedule = Schedule(every=step, catchup="all")
        info = new_schedule(name, "f", schedule, {}, now=START)
        edit = ScheduleEdit(schedule=name, at=START, actor="anna", what="created")
        store.schedules.save(info, edit)

    def fire() -> None:
        while scheduling.fire(clock.now()):
            pass

    clock.advance(3600)
    fire()
    scheduling.forget()
    assert len(store.schedules.ticks("often", limit=9999)) == 3600
    clock.advance((KEPT + timedelta(seconds=1)).total_seconds())
    scheduling.forget()
    kept = store.schedules.ticks("often", limit=9999)
    assert len(kept) == KEPT_OF_EACH
    assert kept[0].due_at == START + timedelta(hours=1)
    assert len(store.schedules.ticks("seldom", limit=9999)) == 2
