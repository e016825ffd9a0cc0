"""Jobs of another user, or with a /tmp of their own. Each says how far it got."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from interlock import current_job, job
from interlock_adapters.subprocess.kernel.privileges import CAPABILITIES

ONE, OTHER = "nobody", "daemon"  # users that each Linux has
NOBODY = "interlock-has-no-such-user"
_CLONE_NEWUSER, _CLONE_NEWNS, _MNT_DETACH = 0x10000000, 0x20000, 2
_GET_PDEATHSIG = 2  # linux/prctl.h
#: What a job may not have.
DROPPED = sum(1 << number for number in CAPABILITIES.values())
_libc = ctypes.CDLL(None, use_errno=True)


def _status(pid: int | str = "self") -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (s.partition(":") for s in lines)}


def _signal_of_its_parents_death() -> int:
    signum = ctypes.c_int()
    _libc.prctl(_GET_PDEATHSIG, ctypes.byref(signum), 0, 0, 0)
    return signum.value


def _identity() -> dict[str, object]:
    status = _status()
    shown = Path("/proc/self/environ").read_bytes()  # closed to it if it is not its own
    return {
        "uids": os.getresuid(),
        "gids": os.getresgid(),
        "groups": sorted(os.getgroups()),
        "capabilities": [status[f"Cap{name}"] for name in ("Prm", "Eff", "Amb")],
        "no new privileges": status["NoNewPrivs"] == "1",
        "may regain": int(status["CapBnd"], 16) & DROPPED > 0,
        "names": [os.environ.get(name) for name in ("HOME", "USER", "LOGNAME")],
        "has environ": b"INTERLOCK_PLACE=" in shown,
        "folder": os.environ["TMPDIR"],
        "killed with its parent": _signal_of_its_parents_death(),
        "owner": Path(os.environ["TMPDIR"]).stat().st_uid,
    }


@job(run_as=ONE)
def identity() -> dict[str, object]:
    """Return who it is."""
    return _identity()


@job(run_as=ONE, isolation="interpreter")
def identity_of_an_interpreter() -> dict[str, object]:
    """Return who a fresh interpreter is."""
    return _identity()


@job(run_as=ONE, pass_env=["HOME"])
def identity_with_few_variables() -> dict[str, object]:
    """Return who it is with the variables that it has asked for."""
    return _identity()


@job(run_as=ONE, privileges=True)
def identity_with_privileges() -> dict[str, object]:
    """Return who it is where it may gain rights."""
    return _identity()


@job(run_as=OTHER)
def identity_of_another() -> dict[str, object]:
    """Return who it is, as another user."""
    return _identity()


@job
def identity_of_the_worker() -> dict[str, object]:
    """Return who it is without the option."""
    return _identity()


@job(run_as=NOBODY)
def never_runs() -> None:
    """Never run: there is no such user."""


@job(run_as="root")
def runs_as_root() -> list[int]:
    """Return its user ids."""
    return list(os.getresuid())


def _above() -> list[int]:
    """Return its shim, its zygote and its worker, as far as it sees them."""
    chain = [os.getppid()]
    while (above := int(_status(chain[-1])["PPid"])) > 0 and len(chain) < 3:
        chain.append(above)
    return chain


@job(run_as=ONE)
def attacks(secret: str) -> dict[str, object]:
    """Try what only root may; return what worked."""
    attempts: dict[str, Callable[[], object]] = {
        "reads": Path(secret).read_text,
        "setuid": lambda: os.setuid(0),
        "setresuid": lambda: os.setresuid(-1, 0, -1),
        "setgid": lambda: os.setgid(0),
        "setgroups": lambda: os.setgroups([0]),
        **{f"kills {pid}": partial(os.kill, pid, 9) for pid in _above()},
        **{
            f"reads environ of {pid}": Path(f"/proc/{pid}/environ").read_bytes
            for pid in _above()
        },
        "lists": lambda: os.listdir(Path(os.environ["TMPDIR"]).parent),
        "replaces": Path(os.environ["TMPDIR"]).rmdir,
    }
    done: dict[str, object] = {}
    for name, attempt in attempts.items():
        with contextlib.suppress(PermissionError):
            done[name] = repr(attempt())
    return done


@job(run_as=ONE)
def uses_its_files() -> list[str]:
    """Write its folder and its output in every way; return what it has open."""
    import tempfile  # noqa: PLC0415  (how a fork without it starts Pythons is tried)

    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    (current_job().tmpdir / "left").write_text("of the job")
    with open("/dev/stdout", "w", encoding="ascii") as out:
        print("through /dev/stdout", file=out)
    subprocess.check_call("echo through a shell >/dev/stderr", shell=True)
    return os.listdir("/proc/self/fd")


@job(run_as=OTHER)
def looks_into(folder: str) -> str:
    """Return what it finds in the folder of another user's job."""
    try:
        return repr(os.listdir(folder))
    except (PermissionError, FileNotFoundError):
        return "nothing"


def _hides() -> None:
    """Leave an orphan in a session of its own, then wait for ever."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() > 0:
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        current_job().progress(1)
    while True:
        time.sleep(60)


@job(run_as=ONE, grace=0, max_losses=1)
def hides() -> None:
    """Leave an orphan, then wait for ever."""
    _hides()


@job(run_as=ONE, grace=0, timeout=1)
def hides_until_its_timeout() -> None:
    """Leave an orphan, then wait until the timeout."""
    _hides()


@job(run_as=ONE, limits={"memory_mb": 200})
def swallows() -> None:
    """Take memory until it is over."""
    taken = []
    while True:
        taken.append(b"x" * 10_000_000)


@job(run_as=ONE, limits={"processes": 20})
def multiplies() -> None:
    """Fork, and let each fork do the same."""
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.001)


@job(run_as=ONE)
def talks() -> str:
    """Use the worker in every way; return the id of its child."""
    print("a line")
    current_job().progress(1, 2)
    return current_job().submit(identity_of_another).id


def _looks() -> dict[str, object]:
    """Leave files in /tmp and /var/tmp; return what it saw before and after."""
    import tempfile  # noqa: PLC0415  (see `uses_its_files`)

    before = {name: os.listdir(name) for name in ("/tmp", "/var/tmp", "..", ".")}
    Path("/tmp/mine").write_text("x")
    return {
        "before": before,
        "after": [os.listdir(name) for name in ("/tmp", "/var/tmp")],
        "folders": [os.environ["TMPDIR"], os.environ["JOBLIB_TEMP_FOLDER"]],
        "tmpdir": [str(current_job().tmpdir), tempfile.mkdtemp(prefix="made")[:9]],
        "uid": os.getuid(),
    }


@job(private_tmp=True)
def looks() -> dict[str, object]:
    """Return what it sees in /tmp."""
    return _looks()


@job(private_tmp=True, isolation="interpreter")
def looks_from_an_interpreter() -> dict[str, object]:
    """Return what a fresh interpreter sees in /tmp."""
    return _looks()


@job(private_tmp=True, isolation="fork")
def looks_from_a_fork() -> dict[str, object]:
    """Return what a fork sees in /tmp."""
    return _looks()


@job(private_tmp=True, pass_env=["PATH"])
def looks_with_few_variables() -> dict[str, object]:
    """Return what it sees in /tmp with the variables that it has asked for."""
    return _looks()


@job(private_tmp=True, run_as=ONE)
def looks_as_another() -> dict[str, object]:
    """Return what another user sees in /tmp."""
    return _looks()


@job(private_tmp=True, grace=0)
def leaves_and_waits(name: str) -> None:
    """Leave a file in each folder, and wait for ever."""
    for folder in ("/tmp", "/var/tmp"):
        Path(folder, name).touch()
    current_job().progress(1)
    while True:
        time.sleep(60)


@job(private_tmp=True)
def uncovers(marker: str) -> dict[str, object]:
    """Try to see the /tmp of the machine; return what worked."""
    done: dict[str, object] = {}
    for name in (b"/tmp", b"/var/tmp"):
        done[f"unmounts {name!r}"] = _libc.umount2(name, _MNT_DETACH) == 0
    for pid in {*_above()} - {os.getpid()}:
        with contextlib.suppress(OSError):
            done[f"through {pid}"] = os.listdir(f"/proc/{pid}/root/tmp")
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) == 0:
        for name in (b"/tmp", b"/var/tmp"):
            done[f"unmounts {name!r} in a namespace"] = _libc.umount2(name, 0) == 0
    done["sees"] = Path(marker).exists()
    return done
