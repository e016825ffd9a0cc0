"""The behavior of logging in a job until logging is configured."""

import logging
from typing import Final

FORMAT: Final = "%(levelname)s %(name)s: %(message)s"
_pinned: list[logging.Logger] = []  # they have a handler, and had no level


class _Root(logging.RootLogger):
    """The root logger until logging is configured; then Python's own class again."""

    def setLevel(self, level: int | str) -> None:  # noqa: N802  (logging's name)
        self._restore()
        self.setLevel(level)

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802
        self._restore()
        self.addHandler(hdlr)

    def _restore(self) -> None:
        self.__class__ = logging.RootLogger  # type: ignore[assignment]
        self.setLevel(logging.WARNING)
        for logger in _pinned:
            logger.setLevel(logging.NOTSET)


def show() -> None:
    """Make the handler of last resort show records from INFO up, with their logger.

    It gets only those that have no other handler. A logger that has one by now, and no
    level, goes on to have the root's: WARNING.
    """
    root, last = logging.root, logging.lastResort
    if root.handlers or root.level != logging.WARNING or last is None:
        return
    last.setLevel(logging.INFO)
    last.setFormatter(logging.Formatter(FORMAT))
    _pinned[:] = [
        logger
        for logger in root.manager.loggerDict.values()
        if isinstance(logger, logging.Logger) and logger.handlers and not logger.level
    ]
    for logger in _pinned:
        logger.setLevel(logging.WARNING)
    root.setLevel(logging.INFO)
    root.__class__ = _Root
