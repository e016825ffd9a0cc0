"""Which parameters are secret: those that a job declares, and those named like one."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_LOOKS_SECRET: Final = re.compile(
    r"pass(word|wd|phrase|code)|pwd|secret|token|credential|cookie|session_?id"
    r"|(api|access|private|signing|encryption|ssh)_?key|auth(orization)?$|bearer",
    re.IGNORECASE,
)


def is_secret(name: str, declared: Iterable[str] = ()) -> bool:
    """Whether a parameter is hidden: its job declares it, or its name looks secret."""
    plain = name.replace("-", "_").replace(".", "_")
    return name in declared or _LOOKS_SECRET.search(plain) is not None


def first_secret(value: object, declared: Iterable[str] = ()) -> str | None:
    """Return the name of a secret in JSON, however deep; None if there is none."""
    inner: Iterable[object] = ()
    if isinstance(value, Mapping):
        names = map(str, value)
        found = next((name for name in names if is_secret(name, declared)), None)
        if found is not None:
            return found
        inner = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    found_within = (first_secret(each, declared) for each in inner)
    return next((name for name in found_within if name is not None), None)
