"""Imports of uploaded rosters in a thread of the web service, one after the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from ticketing.platform.db.database import Database
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.roster.model import ImportCounts
from ticketing.roster.uploads.import_requests import (
    AcceptedImport,
    ImportStopped,
    remove_old_files,
    run_accepted,
)

LOG = structlog.stdlib.get_logger("ticketing.app.web")
MAX_QUEUED_IMPORTS = 10


class ImportRequestQueue:
    """Imports uploaded files; `close` stops a running import, waiting ones count as interrupted."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        clock: Callable[[], datetime],
        *,
        retention: timedelta,
        erased: ErasedContacts | None = None,
    ) -> None:
        """`folder` holds uploaded files, and rejected rows for the time of `retention`.

        With `erased` an import warns of people whose data were erased.
        """
        self.folder = folder
        self._database = database
        self._clock = clock
        self._retention = retention
        self._erased = erased
        self._closing = threading.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="imports")
        self._count = threading.BoundedSemaphore(MAX_QUEUED_IMPORTS)

    def start(self) -> None:
        """Delete the files that earlier processes left behind."""
        remove_old_files(self._database, self.folder, before=self._clock() - self._retention)

    def close(self) -> None:
        """Stop after the current chunk."""
        self._closing.set()
        self._executor.shutdown(cancel_futures=True)

    def reserve(self) -> bool:
        """Reserve a place in the queue; return False when it is full."""
        return self._count.acquire(blocking=False)

    def release(self) -> None:
        """Give up a reserved place."""
        self._count.release()

    def enqueue(self, accepted: AcceptedImport) -> None:
        """Import the file when earlier ones have ended; the place must be reserved."""
        self._executor.submit(self._run, accepted)

    def _run(self, accepted: AcceptedImport) -> None:
        try:
            run_accepted(
                self._database,
                self.folder,
                accepted,
                at=self._clock(),
                progress=self._raise_if_closing,
                erased=self._erased,
            )
        except ImportStopped:
            LOG.info("import stopped by shutdown", request=accepted.id)
        except Exception as error:  # noqa: BLE001 - its row says failed; others are waiting
            LOG.warning("import failed", request=accepted.id, kind=type(error).__name__)
        finally:
            self.release()

    def _raise_if_closing(self, _rows: int, _counts: ImportCounts) -> None:
        if self._closing.is_set():
            raise ImportStopped
