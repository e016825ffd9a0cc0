"""Our tables stay out of an application's Alembic, as docs/databases.md shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import postgres
from interlock import Engine

DOCS = Path(__file__).parents[4] / "docs/databases.md"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database(empty=True) as made:
        yield made


def _documented() -> Any:
    block = re.search(
        r"```python\n(def include_object.*?)\n\n", DOCS.read_text(), re.DOTALL
    )
    assert block is not None
    names: dict[str, Any] = {}
    exec(block[1], names)
    return names["include_object"]


def test_autogenerate_leaves_our_tables_alone(url: str) -> None:
    Engine.open(url).close()
    application = sa.MetaData()
    sa.Table("album", application, sa.Column("id", sa.Integer, primary_key=True))
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    application.create_all(engine)
    with engine.connect() as connection:
        options = {"include_object": _documented()}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, application) == []
    engine.dispose()
