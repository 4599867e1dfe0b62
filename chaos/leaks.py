"""Search of all logs for secrets."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import create_engine, text

from ticketing.platform.application import Application

WORD = re.compile(rb"[\w-]+")
LOGS = {".out", ".err", ".log", ".jsonl"}


def log_files(folder: Path) -> list[Path]:
    """Return our logs, PostgreSQL's and the output of Dagster runs."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in LOGS or "compute_logs" in path.parts)
    )


def read_dagster_log(application: Application) -> bytes:
    """Return the event log that Dagster keeps in its database."""
    engine = create_engine(application.dagster_url)
    try:
        with engine.connect() as connection:
            return "\n".join(connection.execute(_RUN_LOG).scalars()).encode()
    finally:
        engine.dispose()


def find_leaks(logs: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> Iterator[str]:
    """Yield the logs that contain secrets with counts, never the secrets themselves."""
    encoded = [secret.encode() for secret in set(secrets)]
    for name, content in logs:
        words = b" ".join(set(WORD.findall(content)))  # most words occur many times
        if found := sum(secret in words for secret in encoded):
            yield f"{name}: {found} secrets found"


_RUN_LOG = text("SELECT event FROM event_logs ORDER BY id")
