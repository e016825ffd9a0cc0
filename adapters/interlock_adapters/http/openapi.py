"""Completes FastAPI's OpenAPI document with problems, tokens and an example."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from interlock.api.engine import Engine
from interlock.core.job import Job
from interlock.core.lifecycle import Event, Proof, Reason, row_of
from interlock.jobs import serialize
from interlock_adapters.http.schemas.responses import EXAMPLE_ID, ProblemOut

_NOON: Final = datetime(2026, 1, 2, 12, tzinfo=UTC)
_EXAMPLE: Final = Job(
    id=EXAMPLE_ID,
    name="thumbnails",
    params={"folder": "/photos", "size": 128},
    created_at=_NOON,
    run_at=_NOON,
    submitted_by="anna",
    status=row_of(Event.SUCCEED).target,
    reason=Reason.RETURNED,
    attempt=1,
    started_at=_NOON + timedelta(seconds=1),
    finished_at=_NOON + timedelta(seconds=3),
    worker_id="host:4711:0a1b2c3d",
    proof=Proof.NAMESPACE,
    result={"/photos": 128},
    version=3,
    read_at=_NOON + timedelta(seconds=9),
)


class App(FastAPI):
    """An application whose OpenAPI document describes its problems."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            complete(super().openapi())
        assert self.openapi_schema is not None  # noqa: S101  (made above)
        return self.openapi_schema


def complete(document: dict[str, Any]) -> None:
    """Add what FastAPI cannot know to a document."""
    template = "#/components/schemas/{model}"
    problem = ProblemOut.model_json_schema(ref_template=template)
    components = document["components"]
    components["schemas"] |= problem.pop("$defs")
    components["schemas"][ProblemOut.__name__] = problem
    _drop_titles([document["paths"], components])
    _drop_null_parameters(document["paths"])
    components["schemas"]["JobOut"]["examples"] = [serialize.job(_EXAMPLE)]
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "password": {"type": "http", "scheme": "basic"},
    }
    document["security"] = [{"token": []}, {"password": []}, {}]


def _drop_titles(part: Any) -> None:
    """Drop what pydantic makes of the names of fields: "Job Id" for `job_id`."""
    for each in part.values() if isinstance(part, dict) else part:
        if isinstance(each, dict | list):
            _drop_titles(each)
    if isinstance(part, dict) and isinstance(part.get("title"), str):
        del part["title"]  # a field of this name has a schema, no text


def _drop_null_parameters(paths: Any) -> None:
    """Drop null from parameters: one of a URL or a header is left out instead."""
    for methods in paths.values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                others = [
                    each for each in schema.get("anyOf", ()) if each != {"type": "null"}
                ]
                if len(others) == 1:
                    del schema["anyOf"]
                    schema |= others[0]


def text() -> str:
    """Return the document as it is kept in `docs/openapi.json`."""
    from interlock_adapters.http.app import create_app  # noqa: PLC0415  (it imports us)

    with Engine.open("memory:") as engine:
        return json.dumps(create_app(engine).openapi(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text())
