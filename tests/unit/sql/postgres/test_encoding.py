"""A database that cannot hold every text is refused before it gets any table."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import postgres
from interlock import Engine, StoreUnavailable
from interlock.ports import discovery


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with postgres.database(empty=True) as beside:
        server, _, name = beside.rpartition("/")
        with psycopg.connect(beside, autocommit=True) as owner:
            owner.execute(
                f"CREATE DATABASE {name}_other ENCODING '{request.param}'"
                " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'".encode()
            )
            try:
                yield f"{server}/{name}_other"
            finally:
                owner.execute(f"DROP DATABASE {name}_other WITH (FORCE)".encode())


def test_it_is_refused_in_words(url: str) -> None:
    for use in (Engine.open, discovery.upgrade_store):
        with pytest.raises(StoreUnavailable, match=r"encoding .*ENCODING 'UTF8'"):
            use(url)
    assert discovery.store_version(url) is None
