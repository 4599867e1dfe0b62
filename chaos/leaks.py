"""Every log of the run, searched for what no log may have."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import create_engine, text

from ticketing.application import Application

WORD = re.compile(rb"[\w-]+")
LOGS = {".out", ".err", ".log", ".jsonl"}


def log_files(folder: Path) -> list[Path]:
    """All there are: ours, PostgreSQL's, and what Dagster keeps of its runs' output."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in LOGS or "compute_logs" in path.parts)
    )


def run_log(application: Application) -> bytes:
    """What Dagster keeps of its runs in its database."""
    engine = create_engine(application.dagster_url)
    try:
        with engine.connect() as connection:
            return "\n".join(connection.execute(_RUN_LOG).scalars()).encode()
    finally:
        engine.dispose()


def leaks(logs: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> Iterator[str]:
    """In which log there is how much; not what. They are words, perhaps within longer ones."""
    wanted = [secret.encode() for secret in set(secrets)]
    for name, content in logs:
        words = b" ".join(set(WORD.findall(content)))  # most stand there again and again
        if found := sum(secret in words for secret in wanted):
            yield f"{name}: {found} secrets are in it"


_RUN_LOG = text("SELECT event FROM event_logs ORDER BY id")
