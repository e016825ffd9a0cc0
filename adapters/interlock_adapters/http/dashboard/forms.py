"""A form to submit a job, from the JSON Schema of its parameters."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from interlock.jobs.secret_names import is_secret

#: The kinds of fields for which a form has an element of its own.
_KINDS: Final = {"string": "text", "integer": "integer", "number": "number"}
_NOTES: Final = {
    "text": "text",
    "integer": "whole number",
    "number": "number",
    "checkbox": "yes or no",
    "json": "JSON",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter. `value` is what the element shows at first."""

    name: str
    kind: str  # text, integer, number, checkbox, select, json
    required: bool
    value: str
    note: str
    choices: Sequence[str] = ()  # in JSON
    secret: bool = False
    least: float | None = None
    most: float | None = None


def fields(
    schema: Mapping[str, Any] | None,
    *,
    given: Mapping[str, object] | None = None,
    secret: Sequence[str] = (),
) -> list[Field]:
    """Return the fields of a form; `given` are the parameters to begin with."""
    if schema is None:
        return []
    required = schema.get("required", ())
    return [
        _field(
            name,
            _resolved(each, schema),
            required=name in required,
            given=given or {},
            is_hidden=is_secret(name, frozenset(secret)),
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _resolved(each: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = each.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return each
    found: Mapping[str, Any] = schema.get("$defs", {}).get(
        reference.removeprefix("#/$defs/"), {}
    )
    return {**found, **{k: v for k, v in each.items() if k != "$ref"}}


def _field(
    name: str,
    each: Mapping[str, Any],
    *,
    required: bool,
    given: Mapping[str, object],
    is_hidden: bool,
) -> Field:
    each = _without_null(each)
    choices = [_in_json(choice) for choice in each.get("enum", ())]
    kind = "select" if choices else _KINDS.get(str(each.get("type")), "json")
    if each.get("type") == "boolean":
        kind = "checkbox"
    value = given.get(name, each.get("default"))
    return Field(
        name=name,
        kind=kind,
        required=required,
        value="" if is_hidden else _written(value, kind, missing=name not in given),
        note=_note(each, kind, required=required, is_hidden=is_hidden),
        choices=choices,
        secret=is_hidden,
        least=each.get("minimum"),
        most=each.get("maximum"),
    )


def _without_null(each: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a value is that may also be null: an empty field is null then."""
    kinds = [kind for kind in each.get("anyOf", ()) if kind.get("type") != "null"]
    if len(kinds) != 1 or len(kinds) == len(each["anyOf"]):
        return each
    return {**kinds[0], **{k: v for k, v in each.items() if k != "anyOf"}}


def _in_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _written(value: object, kind: str, *, missing: bool) -> str:
    if value is None and (missing or kind != "json"):
        return ""
    if kind in ("json", "select") or not isinstance(value, str):
        return _in_json(value)
    return value


def _note(
    each: Mapping[str, Any], kind: str, *, required: bool, is_hidden: bool
) -> str:
    parts = [] if kind == "select" else [str(each.get("format", _NOTES[kind]))]
    least, most = each.get("minimum"), each.get("maximum")
    if least is not None and most is not None:
        parts.append(f"{least} to {most}")
    if is_hidden:
        parts.append("not shown again")
    if required:
        parts.append("required")
    elif "default" in each:
        parts.append(f"default {_in_json(each['default'])}")
    if each.get("description"):
        parts.append(str(each["description"]))
    return ", ".join(parts)
