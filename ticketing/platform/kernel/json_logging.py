"""JSON log lines. They hold events and ids, never a token, a name or a phone number."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

# values whose key contains one of these words are never logged
REDACTED_KEYS = ("token", "secret", "password", "qr", "magic", "phone", "email", "name", "url")


def configure(level: str, path: Path) -> None:
    """Write log lines to a file, or to standard error when the path is `-`."""
    handler: logging.Handler
    if str(path) == "-":
        handler = logging.StreamHandler(sys.stderr)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        # for log rotation by another program: the handler notices that the file was moved
        handler = WatchedFileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("ticketing")
    for old in logger.handlers:
        old.close()
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,  # the request id, in a request
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            structlog.processors.format_exc_info,
            redact_private_values,
            to_json_line,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def destination() -> tuple[str, Path] | None:
    """Return level and file of the log, for another process; None when it is not a file."""
    logger = logging.getLogger("ticketing")
    files = (handler for handler in logger.handlers if isinstance(handler, logging.FileHandler))
    file = next(files, None)
    return None if file is None else (logging.getLevelName(logger.level), Path(file.baseFilename))


def redact_private_values(
    _: object, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace every value whose key marks it as private (a structlog processor)."""
    for key in event:
        if any(word in key.lower() for word in REDACTED_KEYS):
            event[key] = "(withheld)"
    return event


def to_json_line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """Return the JSON line with timestamp, level, service, message and data."""
    line: Mapping[str, Any] = {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "service": "ticket-assets",
        "message": event.pop("event"),
        "data": event,
    }
    return str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, "", dict(line)))
