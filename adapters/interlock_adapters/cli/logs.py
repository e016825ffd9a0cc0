"""The log formats of the long-running commands: text, or one line of JSON."""

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

#: What a record of the engine says beside its message.
_ABOUT: Final = ("job_id", "attempt", "event")


class LogFormat(StrEnum):
    """The formats."""

    TEXT = "text"
    JSON = "json"


LogOption = Annotated[
    LogFormat,
    typer.Option("--log-format", help="text for people, json for programs"),
]


class JsonLines(logging.Formatter):
    """One JSON object per record: at, level, logger, message, job, attempt, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {
            name: getattr(record, name) for name in _ABOUT if hasattr(record, name)
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(log_format: LogFormat) -> None:
    """Write the log of this process to stderr from now on."""
    handler = logging.StreamHandler()
    if log_format is LogFormat.JSON:
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a new file is no news
