"""Measure a whole generation: guests in the database to signed tickets, PDFs and records.

    python -m benchmarks.generation [--people 20000] [--sinks packs files] [--chunk 500]

Each runs on a new embedded PostgreSQL with default settings (fsync on) and all processors. Prints
seconds, tickets per second, bytes on disk, and the peak memory of one process.
"""

import argparse
import logging
import os
import resource
import tempfile
import time
from pathlib import Path

import structlog

from benchmarks.issue import KEYS, NOW, create_guests
from ticketing.documents.file_store import DocumentFolder, DocumentSink
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets


def measure(people: int, sink: DocumentSink, chunk: int) -> None:
    """Generate the tickets of a new event, and print a line."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "db") as server:
        database = Database.from_url(server.url())
        upgrade(database)
        documents = DocumentFolder(Path(folder) / "pdf", sink=sink)
        with database.transaction() as connection:
            event = create_guests(connection, "bench", people)
        context = GenerationContext(database, KEYS, Renderer(TemplateFolders()), documents)
        began = time.perf_counter()
        done = generate_tickets(context, event, GenerationRequest(by="bench", at=NOW, chunk=chunk))
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in documents.root.rglob("*") if file.is_file())
        memory = max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(
            f"{sink}: {done.created} tickets in {seconds:.1f} s, {people / seconds:.0f}/s,"
            f" {size / people:.0f} bytes each, {memory // 1024} MB,"
            f" load {os.getloadavg()[0]:.1f}"
        )
        database.dispose()


def main() -> None:
    """Measure each sink."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--chunk", type=int, default=500)
    parser.add_argument("--sinks", nargs="+", type=DocumentSink, default=list(DocumentSink))
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for sink in options.sinks:
        measure(options.people, sink, options.chunk)


if __name__ == "__main__":
    main()
