"""A folder for the temporary files of jobs: TMPDIR, empty for each, gone after it."""

import fcntl
import os
import stat
import time
from contextlib import suppress
from typing import Final

_LONGEST: Final = 30  # characters: names of sockets have 108 in all (unix(7))
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  (a mount of the shim's own)
_YOUNG_S: Final = 60.0  # it may not be locked yet


def base(temporary: str) -> str:
    """Return where the folders are: with temporary files, but where paths are short."""
    return temporary if len(temporary) <= _LONGEST else "/tmp"  # noqa: S108  (there)


class Scratch:
    """A zygote's folder, with one below it for each of its shims.

    It is locked as long as the zygote or a shim lives: what is not, nobody needs.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.mkdir(folder, mode=0o700)
        self._lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def remove_orphans(self) -> None:
        """Remove what zygotes left that were killed together with their shims."""
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
        """Make it; `own_memory`: /dev/shm is this shim's own too."""
        self.path = path
        self._all = [path, *([_SHARED_MEMORY] if own_memory else [])]
        os.mkdir(path, mode=0o700)

    def is_clean(self) -> bool:
        """Whether the last job left nothing."""
        try:
            return not any(os.listdir(one) for one in self._all)
        except OSError:  # it has removed it
            return False

    def close(self) -> None:
        """Remove it, with all that a job left."""
        remove(self.path)


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return
    except OSError:
        import shutil  # noqa: PLC0415  (where a job has left something)

        shutil.rmtree(folder, ignore_errors=True)
        if os.path.isdir(folder):  # folders of it cannot be written
            _unlock(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _unlock(folder: str) -> None:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        with suppress(OSError):
            os.chmod(path, stat.S_IRWXU)
            waiting += [
                e.path for e in os.scandir(path) if e.is_dir(follow_symlinks=False)
            ]
