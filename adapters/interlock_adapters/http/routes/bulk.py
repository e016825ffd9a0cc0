"""Routes for many jobs at once: submit a batch, cancel and rerun by filter."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from interlock.core.errors import InterlockError, InvalidOption, StoreUnavailable
from interlock.core.job import Job
from interlock.core.lifecycle import TERMINAL, Event, JobStatus, row_of
from interlock.jobs import serialize
from interlock.jobs.options import Options
from interlock_adapters.http.dependencies import Api, OnceKey, actor, refusals
from interlock_adapters.http.schemas import reply
from interlock_adapters.http.schemas.filters import refuse_secret, search
from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.schemas.reply import Reply
from interlock_adapters.http.schemas.requests import (
    BatchIn,
    BulkCancelIn,
    BulkRerunIn,
    DependsOn,
    FiltersIn,
    SubmitIn,
)
from interlock_adapters.http.schemas.responses import (
    BatchOut,
    BulkCancelOut,
    BulkRerunOut,
)
from interlock_adapters.http.security.middleware import principal_of

_RUNNING = row_of(Event.CLAIM).target
_BATCH = 100  # jobs that are canceled in one transaction
_LIVE = [status for status in JobStatus if status not in TERMINAL]
_SUCCEEDED = row_of(Event.SUCCEED).target
_UNSUCCESSFUL = sorted(TERMINAL - {_SUCCEEDED})


class Bulk:
    """`/v1/jobs/batch`, `/v1/jobs/cancel` and `/v1/jobs/rerun`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine.sync

    def add_to(self, router: APIRouter) -> None:
        """Add the routes; they stand before `/v1/jobs/{job_id}`."""
        router.add_api_route(
            "/v1/jobs/batch",
            self.submit_jobs,
            methods=["POST"],
            response_model=BatchOut,
            responses=refusals(409, 429, body=True),
            tags=["jobs"],
        )
        router.add_api_route(
            "/v1/jobs/cancel",
            self.cancel_jobs,
            methods=["POST"],
            response_model=BulkCancelOut,
            responses=refusals(409, body=True),
            tags=["jobs"],
        )
        router.add_api_route(
            "/v1/jobs/rerun",
            self.rerun_jobs,
            methods=["POST"],
            response_model=BulkRerunOut,
            responses=refusals(409, 429, body=True),
            tags=["jobs"],
        )

    async def submit_jobs(
        self, request: Request, batch: BatchIn, once: OnceKey = None
    ) -> Response:
        """Submit many jobs in one transaction; each gets an answer of its own.

        The ones that are refused do not hinder the others.
        """
        del once
        max_jobs = self._api.settings.max_batch
        if len(batch.jobs) > max_jobs:
            detail = f"A batch has at most {max_jobs} jobs. Nothing was stored."
            raise Problem(422, "batch-too-long", detail)
        self._api.limits.take(principal_of(request.scope), len(batch.jobs))
        by = [actor(request, call.options.by) for call in batch.jobs]
        calls = list(zip(batch.jobs, by, strict=True))
        answer = await self._api.act(request, lambda: self._batch(calls, batch.atomic))
        return answer.response()

    def _batch(self, calls: list[tuple[SubmitIn, str]], atomic: bool) -> Reply:  # noqa: FBT001  (the request's word)
        self._api.let_in(*(call for call, _ in calls))
        items: list[dict[str, Any]] = []
        with self._engine.together():
            submit = self._stored if atomic else self._judged
            for call, by in calls:
                items.append(submit(call, by, items))
        return Reply(status=200, body={"items": items})

    def _stored(
        self, call: SubmitIn, by: str, earlier: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        options: Options = {**call.options.given(), "by": by}
        if call.options.depends_on:
            options["depends_on"] = _by_ids(call.options.depends_on, earlier)
        handle = self._engine.submit(call.name, call.params, **options)
        return {"status": 201, "job": serialize.job(handle.job())}

    def _judged(
        self, call: SubmitIn, by: str, earlier: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        try:
            return self._stored(call, by, earlier)
        except StoreUnavailable:
            raise
        except InterlockError as error:
            refusal = reply.refusal(error)
            return {"status": refusal.status, "problem": refusal.body}

    async def cancel_jobs(
        self, request: Request, body: BulkCancelIn, once: OnceKey = None
    ) -> Response:
        """Cancel every matching job, up to `limit`; each gets an answer of its own.

        200: it is CANCELED. 202: it is being stopped. 409: it ended meanwhile. 412: it
        began to run meanwhile, which was not among the statuses.
        """
        del once
        filters = _filters(body, "canceled")
        filters["statuses"] = filters["statuses"] or _LIVE
        as_seen = _RUNNING not in filters["statuses"]
        by = actor(request, body.by)
        page = await self._api.engine.search(
            **filters, limit=body.limit, cursor=body.cursor
        )
        answer = await self._api.act(
            request,
            lambda: Reply(
                status=200,
                body={
                    "items": self._stop_all(page.items, body.reason, by, as_seen),
                    "next_cursor": page.next_cursor,
                },
            ),
        )
        return answer.response()

    async def rerun_jobs(
        self, request: Request, body: BulkRerunIn, once: OnceKey = None
    ) -> Response:
        """Run every matching job again, up to `limit`, each as a new job.

        Without `statuses`: those that have ended without success. 201: it runs again.
        409: it has not ended, or ended too long ago.
        """
        del once
        filters = _filters(body, "run again")
        filters["statuses"] = filters["statuses"] or _UNSUCCESSFUL
        by = actor(request, body.by)
        page = await self._api.engine.search(
            **filters, limit=body.limit, cursor=body.cursor
        )
        self._api.limits.take(principal_of(request.scope), len(page.items))
        answer = await self._api.act(
            request,
            lambda: Reply(
                status=200,
                body={
                    "items": [self._again(job, by) for job in page.items],
                    "next_cursor": page.next_cursor,
                },
            ),
        )
        return answer.response()

    def _again(self, job: Job, by: str) -> dict[str, object]:
        try:
            handle = self._engine.rerun(job.id, by=by)
        except StoreUnavailable:
            raise
        except InterlockError as error:
            refusal = reply.refusal(error)
            return {"id": job.id, "status": refusal.status, "problem": refusal.body}
        return {"id": job.id, "status": 201, "rerun": handle.id}

    def _stop_all(
        self,
        jobs: Sequence[Job],
        reason: str | None,
        by: str,
        as_seen: bool,  # noqa: FBT001  (see `_stop`)
    ) -> list[dict[str, object]]:
        """Stop jobs in transactions of `_BATCH`: others can write in between."""
        answers: list[dict[str, object]] = []
        for start in range(0, len(jobs), _BATCH):
            with self._engine.together():
                some = jobs[start : start + _BATCH]
                answers += [self._stop(job, reason, by, as_seen) for job in some]
        return answers

    def _stop(
        self,
        job: Job,
        reason: str | None,
        by: str,
        as_seen: bool,  # noqa: FBT001  (whether it may have changed since)
    ) -> dict[str, object]:
        version = job.version if as_seen else None
        try:
            canceled = self._engine.cancel(
                job.id, reason=reason, by=by, if_version=version
            )
        except StoreUnavailable:
            raise
        except InterlockError as error:
            refusal = reply.refusal(error)
            return {"id": job.id, "status": refusal.status, "problem": refusal.body}
        status = 200 if canceled.is_terminal else 202
        return {
            "id": canceled.id,
            "status": status,
            "job_status": canceled.status.value,
        }


def _filters(body: FiltersIn, done: str) -> dict[str, Any]:
    """Return the filters of an action on many jobs.

    Raises:
        Problem: there is none, or one is secret (422).
    """
    refuse_secret(body.params)
    filters = search(body)
    if not any(filters.values()):
        detail = f"Give at least one filter. Without one, every job would be {done}."
        raise Problem(422, "no-filter", detail)
    return filters


def _by_ids(depends_on: DependsOn, earlier: Sequence[dict[str, Any]]) -> Any:
    """Return what a job of a batch depends on, with ids for numbers of the batch.

    Raises:
        InvalidOption: a number is that of no earlier job that was stored.
    """
    if isinstance(depends_on, str):
        return depends_on
    if isinstance(depends_on, dict):
        return {name: _id(parent, earlier) for name, parent in depends_on.items()}
    return [_id(parent, earlier) for parent in depends_on]


def _id(parent: str | int, earlier: Sequence[dict[str, Any]]) -> str:
    if isinstance(parent, str):
        return parent
    job = earlier[parent].get("job") if parent < len(earlier) else None
    if job is None:
        allowed = "the number of an earlier job of the batch, which was stored"
        raise InvalidOption("depends_on", parent, allowed)
    return str(job["id"])
