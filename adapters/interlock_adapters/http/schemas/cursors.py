"""Keyset cursors: opaque, and valid only with the filters they were made for."""

import base64
import hashlib
import json
from collections.abc import Mapping

from interlock_adapters.http.schemas.problems import Problem

_DIGEST = 12


def encode(after: str | None, filters: Mapping[str, object]) -> str | None:
    """Return the cursor of the page below the id `after`; None: there is none."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(_digest(filters) + after.encode()).decode()


def decode(cursor: str | None, filters: Mapping[str, object]) -> str | None:
    """Return the id that a cursor's page starts below.

    Raises:
        Problem: it is not a valid cursor, or belongs to other filters (422).
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
        after = raw[_DIGEST:].decode("ascii")
    except ValueError:
        raw, after = b"", ""
    if raw[:_DIGEST] != _digest(filters) or not after.isalnum():
        detail = (
            "The cursor was not made for these filters. Start again without it, or "
            "repeat the filters of the page that it came from."
        )
        raise Problem(422, "invalid-cursor", detail)
    return after


def _digest(filters: Mapping[str, object]) -> bytes:
    active = {name: value for name, value in filters.items() if value}
    text = json.dumps(active, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).digest()[:_DIGEST]
