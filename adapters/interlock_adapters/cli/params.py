"""The parameters of a job as words of the command line."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from interlock.core import json_limits
from interlock.core.errors import InvalidOption, UnknownJobName
from interlock.jobs import published
from interlock.jobs.registry import registered

if TYPE_CHECKING:
    from interlock.api.engine import Engine
    from interlock_adapters.http.client import Client


def given_params(
    engine: "Engine | Client", name: str, texts: list[str]
) -> dict[str, object]:
    """Return the parameters of the command line: `key=value` each, or `-`.

    Raises:
        InvalidOption: a word is neither, or `-` is not the only one.
    """
    if "-" not in texts:
        pairs = [_param(engine, name, text) for text in texts]
        try:
            return json_limits.unique_keys(pairs)
        except json_limits.RepeatedKeyError as error:
            message = f"The parameters: {error}. Give it once. Nothing was stored."
            raise InvalidOption.because("parameter", message) from None
    if len(texts) > 1:
        allowed = "- alone: the JSON object on stdin has all parameters"
        raise InvalidOption("parameter", "-", allowed)
    try:
        params = json.load(sys.stdin, object_pairs_hook=json_limits.unique_keys)
    except (ValueError, RecursionError) as error:
        raise InvalidOption("stdin", "...", f"a JSON object: {error}") from None
    if not isinstance(params, dict):
        raise InvalidOption("stdin", "...", "a JSON object of the parameters")
    return params


def _param(engine: "Engine | Client", name: str, text: str) -> tuple[str, object]:
    """Return `key=value`; the value is JSON, or text if it is none.

    Text too, if the parameter takes that and not the JSON, such as 12345 for a str.
    """
    key, equals, value = text.partition("=")
    if not equals:
        message = (
            f"The parameter {text!r} has no value. Write NAME=VALUE, for example a=2."
        )
        raise InvalidOption.because("parameter", message)
    try:
        parsed = json.loads(value, object_pairs_hook=json_limits.unique_keys)
    except json_limits.RepeatedKeyError as error:
        message = f"The parameter {key}: {error}. Nothing was stored."
        raise InvalidOption.because("parameter", message) from None
    except (ValueError, RecursionError):
        return key, value
    function = registered().get(name)
    if isinstance(parsed, str):
        return key, parsed
    if function is None:
        return key, value if _is_text(engine, name, key, parsed) else parsed
    from interlock.jobs.codecs import codec  # noqa: PLC0415  (pydantic: slow)

    slot = codec(function.function).slot(key)
    if slot is None or not slot.takes(value):
        return key, parsed
    is_exact = isinstance(parsed, float) and not slot.is_plain  # such as a Decimal
    return key, value if is_exact or not slot.takes(parsed) else parsed


def _is_text(engine: "Engine | Client", name: str, key: str, parsed: object) -> bool:
    """Whether a parameter of an unimported job takes text, and not `parsed`."""
    try:
        job = published.find(name, engine.workers(), datetime.now(UTC))
    except UnknownJobName:  # the submit says so
        return False
    return job.takes(key, "") and not job.takes(key, parsed)
