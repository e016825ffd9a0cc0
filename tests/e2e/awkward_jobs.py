"""A module that does something awkward at import: the one that the test names."""

import ctypes
import os
import socket
import subprocess
import sys
import time
from typing import Any

from interlock import job
from workers import start

#: Nothing in the worker, which imports the module too.
KIND = os.environ["T_AWKWARD"] if start() == "fork" else ""


def _raise() -> None:
    raise RuntimeError("a handler of a fork")


class _Proxy:
    """Stands for an object that is imported when it is asked for anything."""

    @property  # type: ignore[misc]  # as lazy proxies do
    def __class__(self) -> Any:
        raise RuntimeError("asked for its class")

    def fileno(self) -> int:
        raise RuntimeError("asked for its descriptor")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("asked for " + name)


class _Importing(_Proxy):
    @property  # type: ignore[misc]  # as lazy proxies do
    def __class__(self) -> Any:
        return __import__("antigravity_that_is_not_there")

    def fileno(self) -> int:
        sys.modules["was_asked"] = sys
        return 3


class _Hanging:
    def __getattr__(self, name: str) -> Any:
        time.sleep(600)

    def fileno(self) -> int:
        time.sleep(600)
        return -1


class _Ending(_Hanging):
    def fileno(self) -> int:
        os._exit(3)


class _Crashing(_Hanging):
    def fileno(self) -> int:
        return int(ctypes.string_at(0)[0])


listening = socket.create_server(("127.0.0.1", 0))  # something to be named
match KIND:
    case "prints in a fork":
        os.register_at_fork(
            before=lambda: print("before"),
            after_in_parent=lambda: print("parent"),
            after_in_child=lambda: print("child"),
        )
    case "raises in a fork":
        os.register_at_fork(
            before=_raise, after_in_parent=_raise, after_in_child=_raise
        )
    case "hangs in a fork":
        os.register_at_fork(after_in_child=lambda: time.sleep(600))
    case "ends a fork":
        os.register_at_fork(after_in_child=lambda: os._exit(0))
    case "a proxy that raises":
        proxy: object = _Proxy()
    case "a proxy that imports":
        proxy = _Importing()
    case "a proxy that hangs":
        proxy = _Hanging()
    case "a proxy that ends":
        proxy = _Ending()
    case "a proxy that crashes":
        proxy = _Crashing()
    case "a child":
        child = subprocess.Popen(["sleep", "600"], cwd=os.environ["T_HOME"])
    case "no descriptors":
        for fd in range(3):
            os.close(fd)
    case "a thread of C":
        libc = ctypes.CDLL(None)
        thread = ctypes.c_ulong()
        libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
    case _:
        pass


@job(name="e2e.awkward", timeout=30)
def awkward(number: int) -> list[object]:
    print("said", number)
    echo = subprocess.run(["echo", str(number)], capture_output=True, check=True)
    subprocess.run(["echo", "by a child"], check=True)
    assert "was_asked" not in sys.modules
    return [start(), int(echo.stdout)]
