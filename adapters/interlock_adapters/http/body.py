"""Read a request's JSON more strictly than `json` does, and answer with problems."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, Final, Never

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from interlock import shape
from interlock.errors import InterlockError
from interlock.tracing import tracer
from interlock_adapters.http import problems
from interlock_adapters.http.problems import Problem

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]
MAX_DEPTH: Final = "interlock.max_depth"  # in the scope, by the guard


class Route(APIRoute):
    """A route whose every error is a problem, in whatever application it is mounted."""

    def get_route_handler(self) -> _Handler:
        """Return the handler, with our reading of bodies and our errors around it."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                with tracer().entered(request.headers):
                    return await handle(_Strict(request.scope, request.receive))
            except Problem as problem:
                return problem.response()
            except InterlockError as error:
                return problems.of(error).response()
            except RequestValidationError as error:
                return problems.of_validation(error).response()
            except HTTPException as error:
                return problems.of_http(error).response()

        return answer


class _Strict(Request):
    async def json(self) -> Any:
        """Return the body; what JSON (RFC 8259) has not, or too deep, is refused."""
        most = self.scope.get(MAX_DEPTH, shape.MAX_DEPTH)
        try:
            value = json.loads(await self.body(), parse_constant=_refuse)
        except RecursionError:
            raise _too_deep(most) from None
        except ValueError as error:
            message = f"the body is no JSON: {error}"
            raise HTTPException(422, message) from None
        if shape.is_deeper(value, most):
            raise _too_deep(most)
        return value


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no number")


def _too_deep(most: int) -> HTTPException:
    return HTTPException(422, f"the body is nested deeper than {most} levels")
