"""Cursors of searches: opaque, and valid only with the filters they were made for."""

import base64
import hashlib
import json
from dataclasses import asdict, replace
from typing import Final

from interlock.core.errors import InvalidOption
from interlock.core.records import Search

_DIGEST: Final = 12


def encode(after: str | None, search: Search) -> str | None:
    """Return the cursor of the page below the id `after`; None: there is none."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(_digest(search) + after.encode()).decode()


def decode(cursor: str | None, search: Search) -> str | None:
    """Return the id that a cursor's page starts below; None: it is the first page.

    Raises:
        InvalidOption: it is not a cursor, or belongs to other filters.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
        after = raw[_DIGEST:].decode()
    except ValueError:
        raw, after = b"", ""
    if raw[:_DIGEST] != _digest(search) or not after.isprintable() or not after:
        message = (
            "The cursor was not made for these filters. Start again without it, or "
            "repeat the filters of the page that it came from."
        )
        raise InvalidOption.because("cursor", message)
    return after


def _digest(search: Search) -> bytes:
    filters = asdict(replace(search, limit=1, before=None))
    for name in ("statuses", "phases", "reruns_of"):
        filters[name] = sorted(filters[name])
    for name in ("created_after", "created_before"):
        moment = filters[name]
        filters[name] = moment and moment.timestamp()  # in any time zone
    text = json.dumps(filters, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()[:_DIGEST]
