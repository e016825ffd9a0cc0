"""The store contract, part of groups: jobs that were submitted together."""

from datetime import timedelta
from typing import Any

import pytest

from interlock.core.errors import GroupNotFound
from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus, Proof
from interlock.core.records import GroupInfo, Search
from interlock.testing.scenario import Scenario


def _group(scene: Scenario, group_id: str = "g1") -> GroupInfo:
    now = scene.clock.now()
    info = GroupInfo(id=group_id, name="import", created_at=now, created_by="anna")
    scene.store.groups.create(info)
    return info


def _add(scene: Scenario, index: int, **fields: Any) -> Job:
    place: dict[str, Any] = {"group_id": "g1", "group_index": index}
    return scene.add(name="f", queue="f", **{**place, **fields})


def _fail(scene: Scenario) -> Job:
    (job,) = scene.claim("f", limit=1)
    return scene.apply(job, Event.FAIL, proof=Proof.INLINE)


class GroupsContract:
    """`JobStore.groups`. Part of `StoreContract`."""

    def test_a_group_is_kept_and_closed_once(self, scene: Scenario) -> None:
        groups = scene.store.groups
        info = _group(scene)
        assert groups.get("g1") == info
        scene.clock.advance(1)
        closed = scene.clock.now()
        groups.close("g1", now=closed)
        scene.clock.advance(1)
        groups.close("g1", now=scene.clock.now())
        assert groups.get("g1").closed_at == closed
        _group(scene, "g2")
        assert [each.id for each in groups.newest()] == ["g2", "g1"]
        assert [each.id for each in groups.newest(before="g2")] == ["g1"]
        for call in (groups.get, lambda i: groups.close(i, now=closed)):
            with pytest.raises(GroupNotFound):
                call("g3")

    def test_its_jobs_are_counted_and_listed_in_their_order(
        self, scene: Scenario
    ) -> None:
        groups = scene.store.groups
        _group(scene)
        assert groups.unfinished("g1") is None
        ids = [_add(scene, index).id for index in range(3)]
        scene.add(name="f", queue="f")
        failed = _fail(scene)
        assert groups.counts("g1")[JobStatus.PENDING] == 2
        assert groups.counts("g1")[JobStatus.FAILED] == 1
        assert [job.id for job in groups.members("g1")] == ids
        assert [job.id for job in groups.members("g1", after=0, limit=1)] == ids[1:2]
        assert groups.unfinished("g1") == ids[1]
        assert [job.id for job in groups.ended_after("g1", None)] == [failed.id]
        page = scene.store.search(Search(group_id="g1"))
        assert [job.id for job in page.items] == ids[::-1]

    def test_a_closed_group_takes_no_job_but_one_that_runs_again(
        self, scene: Scenario
    ) -> None:
        groups = scene.store.groups
        _group(scene)
        _add(scene, 0)
        failed = _fail(scene)
        groups.close("g1", now=scene.clock.now())
        for wrong in ({"group_index": 1}, {"rerun_of": failed.id, "group_index": 1}):
            with pytest.raises(Exception, match="a group that is open"):
                _add(scene, 1, **wrong)
        again = _add(scene, 0, rerun_of=failed.id)
        assert [job.id for job in groups.members("g1")] == [again.id]
        assert groups.counts("g1")[JobStatus.FAILED] == 0
        assert groups.unfinished("g1") == again.id

    def test_what_has_ended_is_listed_as_it_ended(self, scene: Scenario) -> None:
        groups = scene.store.groups
        _group(scene)
        for index in range(4):
            _add(scene, index)
        ended = []
        for job in reversed(scene.claim("f")):
            scene.clock.advance(1)
            ended.append(scene.apply(job, Event.SUCCEED, proof=Proof.INLINE))
        found, after = [], None
        while some := groups.ended_after("g1", after, limit=3):
            found += some
            last = some[-1]
            assert last.finished_at is not None
            after = last.finished_at, last.id
        assert [job.id for job in found] == [job.id for job in ended]

    def test_a_group_goes_with_its_last_job(self, scene: Scenario) -> None:
        _group(scene)
        _group(scene, "g2")
        _add(scene, 0)
        _fail(scene)
        scene.store.groups.close("g1", now=scene.clock.now())
        scene.clock.advance(1)
        now = scene.clock.now()
        assert scene.store.purge(older_than=timedelta(0), now=now) == 1
        assert [each.id for each in scene.store.groups.newest()] == ["g2"]

    def test_jobs_are_found_by_their_parent_and_metadata(self, scene: Scenario) -> None:
        parent = scene.add()
        metadata = {"team": "a", "tags": ["x", "y"]}
        child = scene.add(parent_id=parent.id, metadata=metadata)
        scene.add(metadata={"team": "b", "tags": ["y"]})
        for wanted, ids in (
            (Search(parent_id=parent.id), [child.id]),
            (Search(metadata={"tags": ["x"]}), [child.id]),
            (Search(metadata={"team": "a", "tags": ["y"]}), [child.id]),
            (Search(parent_id=parent.id, metadata={"team": "b"}), []),
        ):
            assert [job.id for job in scene.store.search(wanted).items] == ids
