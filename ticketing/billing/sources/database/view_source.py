"""A database view as a source of payment records.

The rows of a student are the document `{"rows": […]}`, so that the same mapping file applies.
"""

import asyncio
import json
from collections.abc import AsyncIterator

from ticketing.billing.sources.contract import (
    FailedFetch,
    FetchOutcome,
    ListedStudent,
    SourceError,
)
from ticketing.billing.sources.database.view_queries import open_engine, read_rows, stream_rows
from ticketing.billing.sources.http.classify import RequestFailed
from ticketing.billing.sources.http.paging import read_student
from ticketing.billing.sources.mapping.model import Limits, SourceMapping
from ticketing.billing.sources.mapping.record import read_record
from ticketing.platform.kernel.errors import Misconfigured


class SqlSource:
    """A billing system's view. Made for one run; there are no ETags, so `etag` is ignored."""

    def __init__(self, url: str, mapping: SourceMapping) -> None:
        if mapping.sql is None:
            raise Misconfigured("BILLING_MAPPING: the table [sql] with its queries is missing")
        self.mapping, self.name, self.mapping_version = mapping, mapping.name, mapping.version
        self._queries = mapping.sql
        limits = mapping.limits
        # one more for the list, which stays open
        self._engine = open_engine(url, limits.connections + 1, limits.deadline_seconds)

    @property
    def limits(self) -> Limits:
        """Return what the mapping file says about the source's limits."""
        return self.mapping.limits

    async def list_students(self) -> AsyncIterator[ListedStudent]:
        """Yield every student once. Raises SourceError."""
        parts = stream_rows(self._engine, self._queries.students)
        seen: set[str] = set()
        try:
            while part := await asyncio.to_thread(next, parts, None):
                for row in part:
                    student = read_student(row, self.mapping.students)
                    if student.external_id not in seen:
                        seen.add(student.external_id)
                        yield student
        except RequestFailed as error:
            raise SourceError(error.failure, f"students: {error}") from error
        finally:
            await asyncio.to_thread(parts.close)

    async def fetch_record(self, external_id: str, etag: str | None) -> FetchOutcome:
        """Run one query, which PostgreSQL ends at the deadline."""
        del etag
        try:
            text = await self.fetch_text(external_id)
        except RequestFailed as error:
            return FailedFetch(external_id, error.failure, str(error), stops_run=error.stops_run)
        return read_record(self.mapping, external_id, text)

    async def fetch_text(self, external_id: str) -> str:
        """Return the rows of a student as the text of a document. Raises RequestFailed."""
        query = self._queries.record
        rows = await asyncio.to_thread(read_rows, self._engine, query, external_id)
        return json.dumps({"rows": rows}, ensure_ascii=False)

    async def aclose(self) -> None:
        """Close connections."""
        await asyncio.to_thread(self._engine.dispose)
