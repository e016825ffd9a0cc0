"""Tokens that let whoever has one send one signal to one job, once.

A token names the step in which the job keeps its secret, so that nothing is searched.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final, NamedTuple

_MAX_TOKEN: Final = 1000
KIND: Final = "token"  # of the step


class SignalToken(NamedTuple):
    """What a token says."""

    job_id: str
    use: str
    secret: str
    name: str  # of the signal

    def text(self) -> str:
        """Return it as text for a URL."""
        return base64.urlsafe_b64encode("\n".join(self).encode()).decode().rstrip("=")

    def fits(self, secret: object) -> bool:
        """Whether the secret is that of the job, compared in constant time."""
        return isinstance(secret, str) and hmac.compare_digest(
            secret.encode(), self.secret.encode()
        )

    @property
    def actor(self) -> str:
        """Who sends the signal, for the history: not the secret itself."""
        return f"token:{hashlib.sha256(self.secret.encode()).hexdigest()[:16]}"


def parsed(text: object) -> SignalToken | None:
    """Return what a token says, None if it is none."""
    if not isinstance(text, str) or len(text) > _MAX_TOKEN:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        return SignalToken(*parts.split("\n"))
    except (binascii.Error, ValueError, TypeError):
        return None
