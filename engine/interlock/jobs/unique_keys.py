"""The unique key of a submit: given, or made of the job's name and parameters."""

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from interlock.core.errors import InvalidOption
from interlock.core.uniqueness import OnConflict, Unique
from interlock.jobs.secret_names import first_secret

if TYPE_CHECKING:
    from interlock.jobs.options import Options

_MAX_KEY: Final = 255  # characters, as of every key
_SHOWN: Final = 180  # of a long name, before the digest


def check(unique: object) -> None:
    """Check the option `unique` by itself. Raises InvalidOption."""
    if isinstance(unique, bool):
        return
    is_list = isinstance(unique, list | tuple) and len(unique) > 0
    if not is_list or not all(isinstance(name, str) for name in unique):  # type: ignore[attr-defined]  # it is a list
        allowed = 'True, False, or a list of parameter names, such as ["folder"]'
        raise InvalidOption("unique", unique, allowed)


def check_names(
    unique: object, names: Collection[str] | None, secret: Collection[str]
) -> None:
    """Check that a key may be made of the parameters that `unique` names.

    Args:
        unique: the option.
        names: the parameters of the function; None: it takes any.
        secret: those of them that are declared secret.

    Raises:
        InvalidOption: a parameter does not exist, or is secret.
    """
    if not unique:
        return
    if unique is True:
        _refuse_secrets(dict.fromkeys(names or secret), secret)
        return
    assert isinstance(unique, Collection)  # noqa: S101  (for the type checker: checked)
    for name in unique:
        _refuse_secrets({name: None}, secret)
        if names is not None and name not in names:
            listed = ", ".join(names) or "none: it has no parameters"
            allowed = f"parameters of the function ({listed})"
            raise InvalidOption("unique", name, allowed)


def _refuse_secrets(params: Mapping[str, object], secret: Collection[str]) -> None:
    name = first_secret(params, secret)
    if name is not None:
        message = (
            f"unique cannot use the secret parameter {name!r}: a unique key is shown. "
            "Name the other parameters: unique=[...]. Nothing was stored."
        )
        raise InvalidOption.because("unique", message)


def check_together(options: "Options") -> None:
    """Check the options of one submit about its key. Raises InvalidOption."""
    unique, key = options.get("unique"), options.get("unique_key")
    if unique is False and key is None:
        return  # what `@job` declares of a key is switched off
    if unique and key is not None:
        message = (
            "unique and unique_key are two keys for one job. Give one of them; "
            "unique=False leaves out that of @job. Nothing was stored."
        )
        raise InvalidOption.because("unique", message)
    on_conflict, kept = options.get("on_conflict"), options.get("unique_for")
    has_key = bool(unique) or key is not None
    if kept is not None and not has_key:
        raise InvalidOption("unique_for", kept, "it with unique or unique_key")
    if on_conflict in {"replace", "debounce"} and not has_key:
        raise InvalidOption("on_conflict", on_conflict, "it with unique or unique_key")
    if on_conflict == "debounce" and (kept is None or "run_at" in options):
        allowed = "it with unique_for, which sets run_at, and without run_at"
        raise InvalidOption("on_conflict", on_conflict, allowed)


def key_of(
    name: str,
    params: Mapping[str, object],
    options: "Options",
    secret: Collection[str] = (),
) -> str | None:
    """Return the unique key of a submit, None if it has none.

    Raises:
        InvalidOption: it would show a secret, which may be deep in a parameter.
    """
    unique = options.get("unique")
    if not unique:
        return options.get("unique_key")
    names = params if unique is True else set(unique)
    chosen = {each: value for each, value in params.items() if each in names}
    _refuse_secrets(chosen, secret)
    text = json.dumps(chosen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = f"{name}:{text}"
    if len(key) <= _MAX_KEY and key.isprintable():
        return key
    import hashlib  # noqa: PLC0415  (OpenSSL, which no job needs for this)

    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{name[:_SHOWN]}:{digest}"


def policy_of(options: "Options") -> Unique:
    """Return what a submit does about its key."""
    kept = options.get("unique_for")
    return Unique(
        on_conflict=OnConflict(options.get("on_conflict") or OnConflict.RAISE),
        kept=None if kept is None else timedelta(seconds=kept),
    )
