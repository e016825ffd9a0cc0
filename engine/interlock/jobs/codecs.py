"""Converts parameters and results between Python and JSON, by their annotations.

It uses pydantic, and is imported with the first submit. The process of a job and its
zygote import it only for functions with an annotation that JSON cannot keep unchanged.
"""

import json
import typing
from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import (
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
)

from interlock.core.retry import PermanentError
from interlock.jobs import annotations
from interlock.jobs.annotations import RETURN, Misfit
from interlock.jobs.pydantic_types import usable
from interlock.jobs.round_trip import alike, in_order

_CONFIG: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
UNSTORABLE: Final = (
    "it contains NUL or half of a surrogate pair, which no store can keep"
)


class Slot:
    """Converts the values of one annotation to JSON and back."""

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation
        self.is_plain = annotations.is_plain(annotation)
        kind: Any = usable(annotation)
        self._is_wrapped = False
        self._adapter: TypeAdapter[Any]
        try:
            self._adapter = TypeAdapter(kind, config=_CONFIG)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            self._is_wrapped = True  # its fields have our configuration then
            self._adapter = TypeAdapter(tuple[kind], config=_CONFIG)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what is stored. Raises PydanticUserError: none."""
        schema = self._adapter.json_schema(by_alias=False)
        if not self._is_wrapped:
            return schema
        (kind,) = schema["prefixItems"]
        return {**kind, "$defs": schema.get("$defs", {})}

    def to_json(self, value: object) -> object:
        """Return a value as JSON. A value that is in its JSON form already is accepted.

        Raises:
            Misfit: the value does not fit, or would change when it is read back.
        """
        if self.is_plain:
            self._in_python(value)
            return value
        text = _exact_text(value)
        try:
            return self._stored(self._in_python(value))
        except Misfit as error:
            if text is None:
                raise
            try:
                return self._stored(self._in_json(text))
            except Misfit as other:  # it tells more, if a form of JSON was tried
                raise other from error

    def _stored(self, value: object) -> object:
        """Return the JSON of a value that is right. Raises Misfit: it would change."""
        try:
            stored = self._dumped(value)
            text = json.dumps(stored, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Misfit([f": it has no JSON form: {error}"]) from error
        returned = self._in_json(text)
        if not alike(value, returned):
            kind, other = type(value).__name__, type(returned).__name__
            as_what = f"as a {other}" if other != kind else "as it is"
            no = "" if other != kind else "not "
            raise Misfit([f": this {kind} would {no}come back {as_what} from its JSON"])
        return stored

    def from_json(self, stored: object) -> object:
        """Return the value that the JSON was made from.

        Raises:
            Misfit: it is not of this annotation.
        """
        return stored if self.is_plain else self._in_json(json.dumps(stored))

    def takes(self, value: object) -> bool:
        """Whether a value, or its JSON form, fits."""
        try:
            self.to_json(value)
        except Misfit:
            return False
        return True

    def _in_python(self, value: object) -> object:
        wrapped = (value,) if self._is_wrapped else value
        try:
            converted = self._adapter.validate_python(wrapped, strict=True)
        except ValidationError as error:
            raise self._misfit(error) from None
        return converted[0] if self._is_wrapped else converted

    def _in_json(self, text: str) -> object:
        wrapped = f"[{text}]" if self._is_wrapped else text
        try:
            converted = self._adapter.validate_json(
                wrapped, strict=True, by_alias=True, by_name=True
            )
        except ValidationError as error:
            raise self._misfit(error) from None
        except ValueError as error:  # half of a surrogate pair
            raise Misfit([f": {UNSTORABLE}"]) from error
        return converted[0] if self._is_wrapped else converted

    def _dumped(self, value: object) -> object:
        wrapped = (value,) if self._is_wrapped else value
        stored: Any = self._adapter.dump_python(
            wrapped, mode="json", round_trip=True, by_alias=False, warnings=False
        )
        return in_order(value, stored[0] if self._is_wrapped else stored)

    def _misfit(self, error: ValidationError) -> Misfit:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            where = problem["loc"][1:] if self._is_wrapped else problem["loc"]
            path = "".join(f".{part}" for part in where)
            message = problem["msg"]
            lines.append(f"{path}: {message[0].lower()}{message[1:]}")
        return Misfit(lines)


class Codec:
    """The parameters and the result of one function."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        hints = annotations.resolved(function)
        self.slots: dict[str, Slot] = {}
        self.required: set[str] = set()
        self.rest: Slot | None = None
        for parameter in annotations.signature(function).parameters.values():
            annotation = hints[parameter.name]
            if parameter.kind is Parameter.VAR_KEYWORD:
                self._take_rest(parameter.name, annotation)
                continue
            self.slots[parameter.name] = _slot(function, parameter.name, annotation)
            if parameter.default is Parameter.empty:
                self.required.add(parameter.name)
        self.result = _slot(function, RETURN, hints[RETURN])

    def _take_rest(self, name: str, annotation: object) -> None:
        """Take `**rest: int`, or `**options: Unpack[Options]`."""
        if typing.get_origin(annotation) is not typing.Unpack:
            self.rest = _slot(self._function, name, annotation)
            return
        (declared,) = typing.get_args(annotation)
        hints = typing.get_type_hints(declared, include_extras=True)
        for key, kind in hints.items():
            self.slots[key] = _slot(self._function, key, kind)
        self.required |= declared.__required_keys__

    def slot(self, name: str) -> Slot | None:
        """Return the slot of a parameter, None if the function has none."""
        return self.slots.get(name, self.rest)

    def defaults(self) -> dict[str, object]:
        """Return the defaults of parameters as they would be stored."""
        found: dict[str, object] = {}
        for parameter in annotations.signature(self._function).parameters.values():
            if parameter.default is not Parameter.empty:
                try:
                    value = self.slots[parameter.name].to_json(parameter.default)
                except Misfit:  # it does not fit its own annotation
                    value = repr(parameter.default)
                found[parameter.name] = value
        return found

    def schema(self) -> dict[str, object]:
        """Return the JSON Schema of the parameters as they are stored."""
        slots = dict(self.slots) if self.rest is None else {**self.slots, "": self.rest}
        kinds, defs = _schemas(slots)
        rest = kinds.pop("", {}) if self.rest is not None else False
        return {
            "type": "object",
            "properties": kinds,
            "required": sorted(self.required),
            "additionalProperties": rest,
            "$defs": defs,
        }

    def params(self, stored: Mapping[str, object]) -> dict[str, object]:
        """Return the arguments for the function, from stored parameters.

        Raises:
            PermanentError: the function was changed, and the parameters do not fit it.
        """
        arguments = {}
        for name, value in stored.items():
            slot = self.slot(name)
            try:
                arguments[name] = value if slot is None else slot.from_json(value)
            except Misfit as error:
                problems = "; ".join(f"{name}{line}" for line in error.problems)
                raise PermanentError(
                    f"the stored parameters no longer fit the function: {problems}"
                ) from None
        return arguments

    def returned(self, result: object) -> object:
        """Return a result as JSON.

        Raises:
            Misfit: it does not fit the return annotation.
        """
        if self.result.is_plain:
            return result
        try:
            return self.result.to_json(result)
        except Misfit as error:
            annotation = annotations.shown(self.result.annotation)
            problems = "; ".join(line.lstrip(": .") for line in error.problems)
            raise Misfit(
                [
                    f"the job returned a {type(result).__name__}, which does not fit "
                    f"its annotation `{annotation}`: {problems}"
                ]
            ) from error


def _schemas(slots: Mapping[str, Slot]) -> tuple[dict[str, Any], Any]:
    """Return the JSON Schema of each slot, and the definitions that they share."""
    kinds: dict[str, Any] = {}
    defs: dict[str, Any] = {}
    for name, slot in slots.items():
        try:
            schema = slot.schema()
        except PydanticUserError:  # it has none: the job judges
            schema = {}
        defs |= schema.pop("$defs", {})
        kinds[name] = schema
    return kinds, defs


@cache
def codec(function: Callable[..., object]) -> Codec:
    """Return the codec of a function.

    Raises:
        InvalidOption: one of its annotations cannot be used.
    """
    return Codec(function)


def _exact_text(value: object) -> str | None:
    """Return a value's JSON text, None if JSON would change it."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        return text if json.loads(text) == value else None
    except (TypeError, ValueError, RecursionError):
        return None


def _slot(function: Callable[..., object], name: str, annotation: object) -> Slot:
    """Return the slot of an annotation. Raises InvalidOption."""
    kind = annotations.impossible(annotation)
    try:
        if kind is None:
            return Slot(annotation)
        allowed = f"a type that JSON can carry: a {kind} cannot be stored"
        raise annotations.refusal(function, name, annotation, allowed)
    except PydanticSchemaGenerationError as error:
        allowed = (
            "a type that JSON can carry: a JSON type, a standard library type that "
            "pydantic knows, a dataclass, or a pydantic model"
        )
        raise annotations.refusal(function, name, annotation, allowed) from error
    except (PydanticUserError, NameError, TypeError) as error:
        allowed = f"a type that pydantic can use: {str(error).splitlines()[0]}"
        raise annotations.refusal(function, name, annotation, allowed) from error


def refuse_unknown(
    function: Callable[..., object], name: str, annotation: object
) -> None:
    """Refuse an annotation without a JSON form, as far as this is known now.

    Raises:
        InvalidOption: it has no JSON form.
    """
    try:
        Slot(annotation)
    except PydanticSchemaGenerationError:
        _slot(function, name, annotation)
    except (PydanticUndefinedAnnotation, PydanticUserError, NameError, TypeError):
        return  # it names a class that is defined further down
