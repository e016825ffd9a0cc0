"""The pages of many jobs: the list with its search, and failures by cause."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query as Parameter
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from interlock.api.aio import AsyncEngine
from interlock.api.failures import MOST
from interlock.core.causes import Cause
from interlock.core.errors import InterlockError, StoreUnavailable
from interlock.core.job import Job
from interlock.core.lifecycle import TERMINAL, JobStatus
from interlock.core.records import QueueInfo
from interlock_adapters.http.dashboard import query, render, words
from interlock_adapters.http.dashboard.query import Query
from interlock_adapters.http.schemas.filters import refuse_secret
from interlock_adapters.http.schemas.problems import Problem

_PAGE: Final = 50
#: The tabs: a word for the search, its title, its sign.
_TABS: Final = (
    ("ready", "Ready", "pending"),
    ("scheduled", "Scheduled", "scheduled"),
    ("retrying", "Retrying", "retrying"),
    ("running", "Running", "running"),
    ("succeeded", "Succeeded", "succeeded"),
    ("failed", "Failed", "failed"),
    ("timeout", "Timed out", "timeout"),
    ("canceled", "Canceled", "canceled"),
)
Grouped = tuple[Cause, Sequence[Job]]
Text = Annotated[str, Parameter(max_length=2000)]


class JobsPages:
    """`/jobs` and `/failures`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(  # noqa: PLR0917  (FastAPI reads the signature)
        self,
        request: Request,
        q: Text = "",
        name: Text = "",
        queue: Text = "",
        submitted_by: Text = "",
        schedule: Text = "",
        group: Text = "",
        status: Annotated[list[str] | None, Parameter(max_length=20)] = None,
        cursor: Text | None = None,
    ) -> Response:
        """List the jobs of a search."""
        old = {"name": name, "queue": queue, "by": submitted_by}
        old |= {"schedule": schedule, "group": group}
        words_of_old = query.of_old(old, status or ())
        if words_of_old:
            text = f"{words_of_old} {q}".strip()
            return RedirectResponse(f"/jobs?{urlencode({'q': text})}", 303)
        try:
            return await self._list(request, q, cursor)
        except StoreUnavailable:
            raise
        except (InterlockError, Problem) as error:
            detail = error.detail if isinstance(error, Problem) else str(error)
            return render.problem(request, 422, "This search means nothing", detail)

    async def _list(self, request: Request, text: str, cursor: str | None) -> Response:
        asked = Query(text, datetime.now(UTC))
        found = await self._by_id(asked)
        if found is not None:
            return RedirectResponse(f"/jobs/{found}", 303)
        refuse_secret(asked.filters.get("params", {}))
        engine = self._engine
        page, counts, queues = await asyncio.gather(
            engine.search(**asked.filters, limit=_PAGE, cursor=cursor),
            engine.counts(),
            engine.queues(),
        )
        following = page.next_cursor
        return render.page(
            request,
            "jobs.html",
            now=datetime.now(UTC),
            rows=[(job, words.of_job(job)) for job in page.items],
            query=asked,
            tabs=_tabs(asked, counts, queues),
            total=sum(counts.values()),
            queues=[each.name for each in queues],
            matching=_matching(asked.filters),
            actions=_actions(asked.filters),
            url=_here(request.url),
            following=following
            and _here(request.url.include_query_params(cursor=following)),
            first=_here(request.url.remove_query_params("cursor")) if cursor else None,
        )

    async def _by_id(self, asked: Query) -> str | None:
        """Return the id of the job that a lone word names, if it does."""
        if asked.maybe_id is None or len(asked.tokens) > 1:
            return None
        try:
            return await self._engine.find_id(asked.maybe_id)
        except StoreUnavailable:
            raise
        except InterlockError:
            return None

    async def failures(self, request: Request, cause: Text = "") -> Response:
        """Show failed jobs by cause, or the jobs of one cause."""
        now = datetime.now(UTC)
        found = await self._engine.failures.with_jobs()
        if cause:
            found = [(each, jobs) for each, jobs in found if each.key == cause]
        return render.page(
            request,
            "failures.html",
            now=now,
            parts=_parts(found),
            causes=found,
            most=MOST,
            counted=sum(len(jobs) for _, jobs in found),
            only=cause,
            params=words.of_job,
            url=_here(request.url),
        )


def _here(url: URL) -> str:
    """Return a URL without the host, whose name and scheme a proxy may change."""
    return f"{url.path}?{url.query}" if url.query else url.path


def _tabs(
    asked: Query, counts: Mapping[JobStatus, int], queues: Sequence[QueueInfo]
) -> list[tuple[str, str, str, int, bool, str]]:
    """Return the tabs: word, title, sign, count of all jobs, whether chosen, search."""
    many: dict[str, int] = {status.lower(): each for status, each in counts.items()}
    many |= {
        word: sum(getattr(queue, word) for queue in queues)
        for word in ("ready", "scheduled", "retrying")
    }
    return [
        (word, title, sign, many[word], word in asked.states, asked.with_status(word))
        for word, title, sign in _TABS
    ]


def _actions(filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what can be done with all that match: a verb, and its button."""
    statuses = {JobStatus(each) for each in filters.get("statuses", JobStatus)}
    found = []
    if statuses - TERMINAL:
        found.append(("cancel", "Cancel all that match…"))
    if statuses & TERMINAL:
        found.append(("rerun", "Rerun all that match…"))
    return found


def _matching(filters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return filters for an action on all that match; None: they are all jobs."""
    if not any(filters.values()):
        return None
    shown = {**filters}
    for name in ("created_after", "created_before"):
        if name in shown:
            shown[name] = shown[name].isoformat()
    return shown


def _parts(found: Iterable[Grouped]) -> dict[str, list[Grouped]]:
    """Return the causes that need somebody, that have somebody, and the cured ones."""
    parts: dict[str, list[Grouped]] = {"open": [], "acknowledged": [], "cured": []}
    for cause, jobs in found:
        part = "acknowledged" if cause.acknowledged else "open"
        parts[part if cause.open else "cured"].append((cause, jobs))
    return parts
