"""The order to run one attempt, which the worker sends to the shim and the child."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from interlock_adapters.subprocess.protocol import GarbledError


@dataclass(slots=True, kw_only=True)
class LaunchOrder:
    """One attempt of a job. Every field is a JSON value; worker and shim share them."""

    id: str
    name: str
    attempt: int
    params: Mapping[str, Any]
    retry: Mapping[str, Any]  # for `Retry.from_json`
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parent_id: str | None = None
    deadline: float | None = None  # seconds since 1970; the worker enforces it
    lease_deadline: float  # `Clock.boot` seconds; the shim kills the tree then
    isolation: str  # "process", "fork" or "interpreter"
    limits: Mapping[str, int]
    privileges: bool = False
    pass_env: Sequence[str] | None = None
    run_as: str | None = None
    private_tmp: bool = False
    trace: Mapping[str, str]  # a carrier

    def to_json(self) -> dict[str, object]:
        """Return the order as JSON values, for `from_json`."""
        return {name: getattr(self, name) for name in FIELDS}

    @classmethod
    def from_json(cls, order: Mapping[str, Any]) -> "LaunchOrder":
        """Return the order that was sent.

        Raises:
            GarbledError: another version of the project has sent it.
        """
        try:
            return cls(**order)
        except TypeError:
            raise GarbledError(mismatch(order)) from None


FIELDS: Final = tuple(LaunchOrder.__dataclass_fields__)


def mismatch(sent: Mapping[str, Any] | list[str]) -> str:
    """Return what to say of an order with other fields than this version's."""
    different = ", ".join(sorted(set(FIELDS) ^ set(sent)))
    return (
        "Interlock was upgraded while this worker runs: its orders differ from those "
        f"of the installed version in {different}. Restart the worker. Jobs that wait "
        "are not lost."
    )
