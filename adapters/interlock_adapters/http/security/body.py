"""Reads requests more strictly than the framework, and answers with problems."""

import json
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any, Final, Never, get_args, get_origin

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from interlock.core import json_limits
from interlock.core.errors import InterlockError
from interlock.ports.tracing import tracer
from interlock_adapters.http import methods, prefix
from interlock_adapters.http.schemas import problems
from interlock_adapters.http.schemas.problems import Problem

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_API: Final = "/v1/"
MAX_DEPTH: Final = "interlock.max_depth"  # in the scope, by the guard


class Route(APIRoute):
    """A route that turns every error into a problem, in any application."""

    #: Whether to refuse query parameters that it does not know.
    is_strict = False

    def get_route_handler(self) -> _Handler:
        """Return the handler, with strict bodies and with problems for errors."""
        handle = super().get_route_handler()
        query = self.dependant.query_params
        names = {field.alias for field in query}
        many = {f.alias for f in query if _is_list(f.field_info.annotation)}

        async def answer(request: Request) -> Response:
            prefix.place(request.scope, self.path)
            try:
                if self.is_strict and _API in self.path:  # a page's links are decorated
                    _refuse_unknown(request.query_params, names)
                    _refuse_repeated(request.query_params, many)
                with tracer().entered(request.headers):
                    response = await handle(_Strict(request.scope, request.receive))
                return methods.finished(request, prefix.located(response, request))
            except Problem as problem:
                return problem.response()
            except InterlockError as error:
                return problems.of(error).response()
            except RequestValidationError as error:
                return problems.of_validation(error).response()
            except HTTPException as error:
                return problems.of_http(error).response()

        return answer


class StrictRoute(Route):
    """A route that refuses unknown query parameters."""

    is_strict = True


def _refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    """Refuse unknown filters: ignoring one would return too many jobs."""
    for name in names:
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            detail = f"query.{name[:100]}: unknown; this route knows {allowed}"
            raise Problem(422, "invalid-request", detail)


def _is_list(hint: object) -> bool:
    return any(get_origin(each) is list for each in (hint, *get_args(hint)))


def _refuse_repeated(query: QueryParams, many: Collection[str]) -> None:
    """Refuse a second value where one counts: readers disagree on which one."""
    for name in query:
        if name not in many and len(query.getlist(name)) > 1:
            detail = f"query.{name[:100]}: given twice; give it once"
            raise Problem(422, "invalid-request", detail)


class _Strict(Request):
    async def json(self) -> Any:
        """Return the body; refuse what is not in RFC 8259, and too deep nesting."""
        max_depth = self.scope.get(MAX_DEPTH, json_limits.MAX_DEPTH)
        try:
            value = json.loads(
                await self.body(),
                parse_constant=_refuse,
                object_pairs_hook=json_limits.unique_keys,
            )
        except RecursionError:
            raise _too_deep(max_depth) from None
        except ValueError as error:
            message = f"The body is not JSON: {error}"
            raise HTTPException(422, message) from None
        if json_limits.is_deeper(value, max_depth):
            raise _too_deep(max_depth)
        return value


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not a JSON number")


def _too_deep(max_depth: int) -> HTTPException:
    return HTTPException(422, f"The body is nested deeper than {max_depth} levels.")
