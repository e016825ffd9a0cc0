"""`search(params=...)`: containment of a JSON value, judged by the database."""

import json
from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from interlock_adapters.sql.tables import job


def contains(dialect: str, wanted: Mapping[str, object]) -> sa.ColumnElement[bool]:
    """Return the condition that the stored params contain `wanted`."""
    if dialect == "postgresql":
        return sa.cast(job.c.params, sa.JSON).op("@>")(json.dumps(wanted))
    text = sa.type_coerce(job.c.params, sa.Text)
    return sa.and_(*_conditions(text, "$", wanted))


def _conditions(
    text: sa.ColumnElement[str], path: str, wanted: object
) -> Iterator[sa.ColumnElement[bool]]:
    kind = sa.func.json_type(text, path)
    if isinstance(wanted, Mapping):
        yield kind == "object"
        for key, value in wanted.items():
            quoted = str(key).replace('"', '\\"')
            yield from _conditions(text, f'{path}."{quoted}"', value)
    elif isinstance(wanted, Sequence) and not isinstance(wanted, str):
        yield kind == "array"
        for value in wanted:
            each = sa.func.json_each(text, path).table_valued("value", "type")
            match = sa.and_(*_same(each.c.type, each.c.value, value))
            yield sa.exists(sa.select(sa.literal(1)).select_from(each).where(match))
    else:
        yield from _same(kind, sa.func.json_extract(text, path), wanted)


def _same(
    kind: sa.ColumnElement[str], value: sa.ColumnElement[object], wanted: object
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what makes a JSON scalar equal: `true` is not 1, but 1.0 is 1."""
    if wanted is None:
        yield kind == "null"
    elif isinstance(wanted, bool):
        yield kind == ("true" if wanted else "false")
    elif isinstance(wanted, int | float):
        yield kind.in_(("integer", "real"))
        yield value == wanted
    elif isinstance(wanted, str):
        yield kind == "text"
        yield value == wanted
    else:  # an object or a list inside a list: by its canonical text
        yield value == json.dumps(wanted, separators=(",", ":"))
