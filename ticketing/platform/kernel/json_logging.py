"""Log lines: one JSON object each. Events and ids, never a token, a name or a phone number."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

# whatever is under these names never reaches a line, whoever logs it
REDACTED_KEYS = ("token", "secret", "password", "qr", "magic", "phone", "email", "name", "url")


def configure(level: str, path: Path) -> None:
    """Send log lines to a file, or to standard error when the path is `-`."""
    handler: logging.Handler
    if str(path) == "-":
        handler = logging.StreamHandler(sys.stderr)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        # rotated from outside: the handler notices that its file has gone
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
            structlog.contextvars.merge_contextvars,  # the number of the request, if it is one
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


def redact_private_values(
    _: object, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank every value whose name says that it is private."""
    for key in event:
        if any(word in key.lower() for word in REDACTED_KEYS):
            event[key] = "(withheld)"
    return event


def to_json_line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """The shape of a line: timestamp, level, service, message, data."""
    line: Mapping[str, Any] = {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "service": "ticket-assets",
        "message": event.pop("event"),
        "data": event,
    }
    return str(structlog.processors.JSONRenderer(ensure_ascii=False)(None, "", dict(line)))
