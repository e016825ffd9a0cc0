"""Routes for what a job has done, and for signals to it."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.http.dependencies import Api, OnceKey, actor, refusals
from interlock_adapters.http.routes.jobs import JobId, PartOfId
from interlock_adapters.http.schemas import json_responses, reply, responses
from interlock_adapters.http.schemas.reply import Reply
from interlock_adapters.http.schemas.requests import SignalIn, TokenIn
from interlock_adapters.http.security.access import BY_TOKEN

Token = Annotated[str, Path(description="Of `signal_token`", max_length=1000)]
SignalName = Annotated[str, Path(description="Name of the signal", max_length=255)]


class Steps:
    """`/v1/jobs/{job_id}/steps` and `signals`, and `/v1/signals/{token}`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        path = "/v1/jobs/{job_id}"
        reads: dict[str, Any] = {"methods": ["GET"], "tags": ["records"]}
        for name, endpoint, model in (
            ("steps", self.list_steps, responses.StepPageOut),
            ("signals", self.list_signals, responses.SignalPageOut),
        ):
            router.add_api_route(
                f"{path}/{name}",
                endpoint,
                response_model=model,
                responses=refusals(404),
                **reads,
            )
        router.add_api_route(
            f"{path}/signals/{{name}}",
            self.send_signal,
            methods=["POST"],
            response_model=responses.JobOut,
            responses=refusals(404, 409, body=True),
            tags=["jobs"],
        )
        router.add_api_route(
            f"{BY_TOKEN}{{token}}",
            self.send_signal_by_token,
            methods=["POST"],
            status_code=204,
            responses=refusals(404, 409, body=True),
            tags=["jobs"],
        )

    async def list_steps(self, job_id: PartOfId) -> Response:
        """Return what a job has done and does not do again; the first 1000 steps."""
        job_id = await self._api.full_id(job_id)
        hidden = Redaction(await self._engine.get(job_id))
        found = await self._engine.steps(job_id)
        return json_responses.page(serialize.step(each, hidden) for each in found)

    async def list_signals(self, job_id: PartOfId) -> Response:
        """Return the signals to a job, the first 1000."""
        job_id = await self._api.full_id(job_id)
        hidden = Redaction(await self._engine.get(job_id))
        found = await self._engine.signals(job_id)
        return json_responses.page(serialize.signal(each, hidden) for each in found)

    async def send_signal(
        self,
        request: Request,
        job_id: JobId,
        name: SignalName,
        body: SignalIn | None = None,
        once: OnceKey = None,
    ) -> Response:
        """Send a signal to a job: it goes on if it waits for it, else it is kept."""
        del once
        sent = body or SignalIn()
        by = actor(request, sent.by)
        act = partial(self._signal, job_id, name, sent.payload, by=by)
        return (await self._api.act(request, act)).response()

    async def send_signal_by_token(
        self, token: Token, body: TokenIn | None = None
    ) -> Response:
        """Send the signal of a token, once. The token is all the authorization."""
        await self._engine.use_token(token, (body or TokenIn()).payload)
        return Response(status_code=204)

    def _signal(self, job_id: str, name: str, payload: Any, *, by: str) -> Reply:
        return reply.job(self._engine.sync.signal(job_id, name, payload, by=by), 200)
