"""Finds stores and runners by entry point, so that the engine imports no adapter."""

import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from interlock.core import import_errors
from interlock.core.errors import InvalidOption
from interlock.ports.clock import Clock
from interlock.ports.runner import Runner
from interlock.ports.store import JobStore

DEFAULT_URL: Final = "sqlite:///interlock.db"
_URL: Final = "a URL: sqlite:///jobs.db, postgresql://user@host/name, or memory:"
#: Other names of a scheme.
_ALIASES: Final = {"postgres": "postgresql"}
_WHAT: Final = {
    "interlock.stores": "database",
    "interlock.schemas": "database with a schema",
    "interlock.runners": "runner",
}


def database_url(url: str | None) -> str:
    """Return the given URL, or INTERLOCK_DATABASE_URL, or ./interlock.db.

    Raises:
        InvalidOption: the given URL is empty, or no text that a URL can be.
    """
    if url is None:
        return os.environ.get("INTERLOCK_DATABASE_URL") or DEFAULT_URL
    _refuse_unwritten(url)
    if not url.strip():
        message = f"The URL of the database is empty. Give one, such as {DEFAULT_URL}."
        raise InvalidOption.because("database", message)
    return url


def _refuse_unwritten(url: object) -> None:
    if not isinstance(url, str) or "\0" in url:
        raise InvalidOption("database", url, _URL)


def shared_url(url: str | None) -> str | None:
    """Return a URL that works in other processes too, or None (`memory:`)."""
    url = database_url(url)
    if _scheme(url) == "memory":
        return None
    scheme, slashes, path = url.partition(":///")
    is_relative = slashes and scheme.startswith("sqlite") and not path.startswith("/")
    return f"{scheme}{slashes}{Path(path).absolute()}" if is_relative else url


def _load(group: str, name: str) -> Any:
    points = {point.name: point for point in entry_points(group=group)}
    kind = _WHAT[group]
    if name not in points:
        names = ", ".join(sorted(points)) or "none is installed"
        message = f"There is no {kind} {name!r}. Use one of: {names}."
        raise InvalidOption.because(kind, message)
    try:
        return points[name].load()
    except ImportError as error:
        message = import_errors.lacking(f"The {kind} {name!r}", error)
        raise InvalidOption.because(kind, message) from error


def open_store(url: str | None, clock: Clock, *, create: bool = True) -> JobStore:
    """Open the store of a URL by its scheme (`sqlite+pysqlite` counts as `sqlite`).

    Args:
        url: see `Engine.open`.
        clock: the source of time.
        create: create what is missing; False: refuse, and change nothing.

    Raises:
        InvalidOption: nothing installed knows the scheme, or a package that it needs
            is not installed.
        StoreUnavailable: the store cannot be used.
    """
    url = database_url(url)
    opener = _load("interlock.stores", _scheme(url))
    store: JobStore = opener(url, clock, create=create)
    return store


def store_exists(url: str | None) -> bool:
    """Return whether there is a store to open; never creates one.

    Raises:
        StoreUnavailable: its database cannot be used.
    """
    scheme = _scheme(database_url(url))
    has_schema = scheme in entry_points(group="interlock.schemas").names
    return not has_schema or store_version(url) is not None


def _scheme(url: str) -> str:
    scheme, colon, after_colon = url.partition(":")
    scheme = scheme.partition("+")[0]
    if not colon or not (after_colon.startswith("//") or scheme == "memory"):
        raise InvalidOption("database", url, _URL)
    return _ALIASES.get(scheme, scheme)


def upgrade_store(url: str | None) -> list[str]:
    """Upgrade a database's schema, and restore its guards.

    Returns:
        The guards that had been removed or changed.

    Raises:
        StoreUnavailable: it cannot be used, is newer than this version, or older
            workers still use it.
    """
    repaired: list[str] = _schema(url).upgrade()
    return repaired


def grant_store(url: str | None, role: str) -> None:
    """Let a role of the database use the store, without the right to disable guards.

    Raises:
        InvalidOption: the store knows no roles.
        StoreUnavailable: there is no such role, or it cannot be granted.
    """
    _schema(url).grant(role)


def maintain_store(url: str | None, *, full: bool = False) -> list[str]:
    """Tidy a database up in short steps: free space, statistics, counts.

    Args:
        url: see `Engine.open`.
        full: write it anew instead, which gives back all space; nobody else can write
            meanwhile.

    Returns:
        What was done, in sentences.

    Raises:
        StoreUnavailable: it cannot be used, or workers are running and `full`.
    """
    done: list[str] = _schema(url).maintain(full=full)
    return done


def store_version(url: str | None) -> str | None:
    """Return the version of a database's schema, None for an empty one."""
    version: str | None = _schema(url).current()
    return version


def _schema(url: str | None) -> Any:
    url = database_url(url)
    return _load("interlock.schemas", _scheme(url))(url)


def open_runner(name: str = "subprocess", **options: object) -> Runner:
    """Open a runner by its name.

    Raises:
        InvalidOption: nothing installed has the name.
    """
    runner: Runner = _load("interlock.runners", name)(**options)
    return runner
