"""Turns the filters of a request into arguments of `Engine.search`."""

from collections.abc import Mapping
from typing import Any

from interlock.jobs.redaction import declared_anywhere
from interlock.jobs.secret_names import is_secret
from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.schemas.requests import FiltersIn


def search(filters: FiltersIn) -> dict[str, Any]:
    """Return the filters as arguments of `Engine.search`."""
    return {name: getattr(filters, name) for name in FiltersIn.model_fields}


def refuse_secret(params: Mapping[str, object]) -> None:
    """Refuse to search secret parameters: a caller could guess their values.

    Raises:
        Problem: a name is secret (422).
    """
    declared = declared_anywhere()
    waiting: list[object] = [params]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for name in value:
                if is_secret(name, declared):
                    detail = f"The parameter {name!r} is secret: it cannot be searched."
                    raise Problem(422, "secret-parameter", detail)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
