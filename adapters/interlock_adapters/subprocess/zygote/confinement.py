"""What a job's process does to itself before the job's code runs.

It gets a /tmp of its own, loses privileges, and becomes another user.
"""

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from interlock_adapters.subprocess.kernel import kill_domain, linux, privileges
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.shim import temporary_folders

#: What a fork calls between its start and the job. It raises OSError.
Confine = Callable[[], None]

_TMP, _VAR_TMP = "/tmp", "/var/tmp"  # noqa: S108  (that is what private_tmp covers)
_JOBLIB: Final = "JOBLIB_TEMP_FOLDER"
_PASSABLE: Final = 0o711  # by others, who cannot list it
_NOT_CALLED: Final = "The job's function was not called."
#: To become a user, and to kill and clean up after it (capabilities(7)).
_NEEDED: Final = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def confiner(containment: str) -> Callable[[LaunchOrder], Confine]:
    """Return a function that says, before the fork, what the fork for an order calls.

    It raises OSError where this worker cannot do what the order asks for.
    """
    harden = privileges.dropper()

    def confine(order: LaunchOrder) -> Confine:
        drop = _nothing if order.privileges else harden
        if order.run_as is None and not order.private_tmp:
            return drop
        return _confinement(order, containment, drop)

    return confine


def _nothing() -> None:
    """Take nothing from the job."""


def _confinement(order: LaunchOrder, containment: str, drop: Confine) -> Confine:
    is_private = order.private_tmp
    if is_private and containment != kill_domain.NAMESPACE:
        raise OSError(
            f"private_tmp needs containment namespace, and this worker has "
            f"{containment}. `interlock doctor` says why; or leave private_tmp out. "
            f"{_NOT_CALLED}"
        )
    user = None if order.run_as is None else _another_user(order.run_as, containment)
    shim = os.getpid()

    def confine() -> None:
        if is_private:
            _cover_tmp()
        if user is None:
            drop()
            return
        _give_files(user, is_private=is_private)
        drop()  # it needs a privilege that the user does not have
        _become(user)
        if containment != kill_domain.NAMESPACE:
            linux.die_with_parent(shim)  # setuid(2) has ended that

    return confine


def _another_user(name: str, containment: str) -> _User | None:
    """Look up the user to become, None if this process has it already.

    Raises:
        OSError: there is no such user, or this worker cannot become it.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise OSError(
            f"there is no user {name!r} (run_as) on this machine. Create it, or name "
            f"another. {_NOT_CALLED}"
        ) from None
    if entry.pw_uid == os.geteuid():
        return None
    _refuse_if_powerless(name, containment)
    return _User(
        name=name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        groups=tuple(os.getgrouplist(name, entry.pw_gid)),
        home=entry.pw_dir,
    )


def _refuse_if_powerless(name: str, containment: str) -> None:
    if os.geteuid() != 0:
        raise OSError(
            f"run_as={name!r}: this worker is not root, so it cannot run a job as "
            "another user. Start the worker as root, or leave run_as out. "
            f"{_NOT_CALLED}"
        )
    lacking = privileges.lacking(_NEEDED)
    if lacking:
        raise OSError(
            f"run_as={name!r}: this worker is root without {', '.join(lacking)} "
            "(capabilities(7)), so it cannot start, kill and clean up after a job of "
            f"another user. Start it with them, or leave run_as out. {_NOT_CALLED}"
        )
    if containment == kill_domain.GROUP:
        raise OSError(
            f"run_as={name!r} needs containment namespace or subreaper, and this "
            "worker has group: what the job leaves alive could change the files that "
            f"root then removes. `interlock doctor` says why. {_NOT_CALLED}"
        )


def _cover_tmp() -> None:
    """Let /tmp and /var/tmp show the job's own folder, for this process and below.

    What the shim makes, looks through and removes is the same folder as without.
    """
    folder = os.environ["TMPDIR"]
    linux.private_mounts()
    linux.bind(folder, _TMP)
    if os.path.isdir(_VAR_TMP):
        linux.bind(_TMP, _VAR_TMP)
    if os.environ.get(_JOBLIB) == folder:
        del os.environ[_JOBLIB]
    temporary_folders.use(_TMP)
    try:
        os.chdir(os.getcwd())  # else `..` would lead into the folder that is covered
    except OSError:
        os.chdir(_TMP)


def _give_files(user: _User, *, is_private: bool) -> None:
    """Give the user the job's folder and output; others keep theirs to themselves."""
    folder = os.environ["TMPDIR"]
    try:
        if not is_private:  # else it is /tmp
            above = os.path.dirname(folder)
            for path in (above, os.path.dirname(above)):
                os.chmod(path, _PASSABLE)
        os.chown(folder, user.uid, user.gid)
        for fd in (1, 2):  # pipes: their owner may open /dev/stdout
            os.fchown(fd, user.uid, user.gid)
    except OSError as error:
        raise _refused(user, error) from None


def _become(user: _User) -> None:
    """Become the user for good."""
    try:
        os.setgroups(user.groups)
        os.setgid(user.gid)
        os.setuid(user.uid)
    except OSError as error:
        raise _refused(user, error) from None
    if _can_return():
        raise _refused(user, "it could become root again (securebits)")
    linux.be_readable()
    os.environ["HOME"] = user.home
    os.environ["USER"] = os.environ["LOGNAME"] = user.name
    folder = os.environ["TMPDIR"]
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refused(user, f"a folder above {folder} is closed to it")


def _can_return() -> bool:
    try:
        os.setuid(0)
    except PermissionError:
        return False
    return True


def _refused(user: _User, cause: object) -> OSError:
    """Return the error for what the kernel refuses, as an id that is not mapped."""
    return OSError(
        f"this worker cannot run it as {user.name!r} (uid {user.uid}): {cause}. "
        "Name another user, or leave run_as out."
    )
