"""The program of a rendering process: renders the chunks that arrive on an inherited socket."""

import os
import signal
import sys
from multiprocessing.connection import Connection

from ticketing.platform.db.database import Database
from ticketing.platform.kernel import json_logging
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.tickets.rendering.render_chunk import ChunkRenderer

NICENESS = 5  # so that the web service answers while all processors render


def main(descriptor: int) -> None:
    """Render until the other end is closed, which the end of its process does as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    os.nice(NICENESS)
    socket = Connection(descriptor)
    url, renderer, folder, request, log = socket.recv()
    if log is not None:
        json_logging.configure(*log)
    database = Database.from_url(url)
    work = ChunkRenderer(database, renderer, folder, request)
    while True:
        try:
            ticket_ids = socket.recv()
        except (EOFError, OSError):
            break
        socket.send(_render(work, ticket_ids))
    database.dispose()


def _render(work: ChunkRenderer, ticket_ids: list[int]) -> object:
    """Return the result, or the error that the parent raises."""
    try:
        return work.render(ticket_ids, wait=False)
    except TicketingError as error:
        return error
    except Exception as error:  # noqa: BLE001  # it may quote data of people
        return Unavailable(f"a rendering process failed with {type(error).__name__}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
