"""Makes the TMPDIR of jobs: empty for each attempt, removed after it."""

import fcntl
import os
import stat
import sys
import time
from contextlib import suppress
from typing import Any, Final

_LONGEST: Final = 30  # characters: names of sockets have 108 in all (unix(7))
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  (a mount of the shim's own)
_RESOLUTION_NS: Final = 100_000_000  # the kernel's clock of files ticks each 1 to 10 ms
_YOUNG_S: Final = 60.0  # it may not be locked yet


def base(temporary: str) -> str:
    """Return the parent folder: a place for temporary files with a short path."""
    return temporary if len(temporary) <= _LONGEST else "/tmp"  # noqa: S108  (there)


class TemporaryFolders:
    """A zygote's folder, with one below it for each of its shims.

    It is locked as long as the zygote or a shim lives: what is not, nobody needs.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.mkdir(folder, mode=0o700)
        self._lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def remove_orphans(self) -> None:
        """Remove folders of zygotes that were killed together with their shims."""
        for entry in os.scandir(os.path.dirname(self.folder)):
            with suppress(OSError):
                age_s = time.time() - entry.stat(follow_symlinks=False).st_ctime
                if age_s > _YOUNG_S and entry.is_dir(follow_symlinks=False):
                    _remove_unlocked(entry.path)

    def close(self) -> None:
        """Remove the folder."""
        remove(self.folder)


def _remove_unlocked(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(folder)
    finally:
        os.close(fd)


class JobFolder:
    """The folder of a shim's jobs, one after the other."""

    def __init__(self, path: str, *, own_memory: bool) -> None:
        """Create it; `own_memory`: /dev/shm belongs to this shim too."""
        self.path = path
        os.mkdir(path, mode=0o700)
        self._all = [_Folder(path)]
        if own_memory:
            self._all.append(_Folder(_SHARED_MEMORY))

    def is_clean(self) -> bool:
        """Whether the last job left nothing."""
        for folder in self._all:  # noqa: SIM110  (each object is a page to copy)
            if not folder.is_empty():
                return False
        return True

    def close(self) -> None:
        """Remove it, with everything that a job left."""
        remove(self.path)


class _Folder:
    """A folder that is nearly always empty, so that a look must be cheap."""

    def __init__(self, path: str) -> None:
        self._path = path
        status = os.lstat(path)
        self._inode, self._owner = status.st_ino, status.st_uid
        self._empty_since = 0  # its change time when it was listed, 0: too young

    def is_empty(self) -> bool:
        """Whether it is the same folder, still ours, and has nothing in it.

        It is listed only if it has changed. No program can set the change time, and
        a change within the clock's resolution was of a folder that was young then.
        """
        try:
            status = os.lstat(self._path)
            if status.st_ino != self._inode:  # a job has put another in its place
                return False
            if status.st_uid != self._owner:  # it was given to the user of a job
                return False
            if status.st_ctime_ns == self._empty_since:
                return True
            if os.listdir(self._path):
                return False
        except OSError:  # a job has removed it
            return False
        is_old = time.time_ns() - status.st_ctime_ns > _RESOLUTION_NS
        self._empty_since = status.st_ctime_ns if is_old else 0
        return True


def use(folder: str) -> None:
    """Set the folder for temporary files of this process and those below it."""
    os.environ["TMPDIR"] = folder
    os.environ.setdefault("JOBLIB_TEMP_FOLDER", folder)
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None  # it keeps the one that it has found


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return
    except OSError:
        import shutil  # noqa: PLC0415  (where a job has left something)

        shutil.rmtree(folder, ignore_errors=True)
        if os.path.isdir(folder) and os.geteuid() != 0:
            _unlock(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _unlock(folder: str) -> None:
    """Make folders writable for their owner.

    Not as root, who may write all: a link of another user's job would lead it astray.
    """
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        with suppress(OSError):
            os.chmod(path, stat.S_IRWXU)
            waiting += [
                e.path for e in os.scandir(path) if e.is_dir(follow_symlinks=False)
            ]
