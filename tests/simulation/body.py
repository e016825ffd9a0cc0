"""The code of a job that does steps: the library's own, in a simulated process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from greenlet import GreenletExit, greenlet  # type: ignore[import-untyped]  # it has no types

from interlock.api.job_client import JobClient
from interlock.core.errors import InterlockError, LeaseLost, SignalTimeout
from interlock.core.job import Failure
from interlock.core.lifecycle import Reason
from interlock.core.observations import Request
from interlock.jobs import suspension
from interlock.jobs.suspension import Suspended

from .jobs import work

SIGNAL: Final = "go"
_SLEEP_S: Final = 3.0
_PATIENCE_S: Final = 20.0  # for a signal
_PIPE_S: Final = 0.001
_OF_CHILD: Final = {
    "seconds": 1.0, "failures": 0, "snoozes": 0, "passing": True, "stubborn": False
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ports:
    """What a body does to the world."""

    say: Callable[[Request], None]  # to its worker
    note: Callable[[str], None]  # in the journal
    end: Callable[[Failure | None], None]  # leave the process


class Body:
    """Runs `_steps` until it would wait for its worker; it may be killed there."""

    def __init__(self, label: str, ports: Ports) -> None:
        self._label = label
        self._ports = ports
        self._asked = 0
        self._code = greenlet(self._run)

    def start(self) -> None:
        """Begin."""
        self._code.switch()

    def answer(self, answer: Mapping[str, object]) -> None:
        """Go on with the answer to what was asked."""
        if answer["number"] == self._asked and not self._code.dead:
            self._code.switch(answer)

    def kill(self) -> None:
        """Die where it stands."""
        self._asked = 0
        if self._code:
            self._code.throw(GreenletExit)

    def _run(self) -> None:
        try:
            self._steps(JobClient(self._ask))
        except Suspended:
            self._ports.end(Failure(**(suspension.take() or {})))
        except LeaseLost:
            return  # its supervisor kills it
        except InterlockError as error:
            self._ports.end(Failure(reason=Reason.ERROR, message=str(error)))
        else:
            self._ports.end(None)

    def _ask(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        self._asked += 1
        self._ports.say(Request(body={"number": self._asked, **request}))
        answer: Mapping[str, Any] = self._code.parent.switch()
        return answer

    def _steps(self, client: JobClient) -> None:
        """Do steps, sleep, wait for two signals at most, and for a job."""
        note = self._ports.note
        self._once(client, "first")
        client.steps.sleep(_SLEEP_S)
        self._once(client, "second")
        read: dict[str, int] = {}
        with suppress(SignalTimeout):
            for _ in range(2):
                sender, number = client.steps.await_signal(SIGNAL, _PATIENCE_S)
                if number < read.get(sender, 0):
                    note("disorder")
                read[sender] = number
        job = work.options(metadata={"label": f"{self._label}, its child"})
        child_id = client.submit(job, (), _OF_CHILD).id
        note(f"child:{child_id}")
        client.steps.await_jobs({"ids": [child_id]})
        note(f"after:{child_id}")
        self._once(client, "third")

    def _once(self, client: JobClient, name: str) -> None:
        client.steps.run(name, lambda: self._ports.note(f"do-{name}"), (), {}, None)
        self._ports.note(f"did-{name}")
