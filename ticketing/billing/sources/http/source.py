"""A billing API as a source of payment records."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote, urljoin, urlsplit

from ticketing.billing.sources.contract import (
    FailedFetch,
    FailureClass,
    FetchedRecord,
    FetchOutcome,
    ListedStudent,
    NotModified,
    SourceError,
)
from ticketing.billing.sources.http.authorization import BillingCredentials
from ticketing.billing.sources.http.classify import Reply, RequestFailed, require_usable
from ticketing.billing.sources.http.connection import Connection
from ticketing.billing.sources.http.paging import Page, StudentList
from ticketing.billing.sources.http.waiting import pause_before_limit
from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.model import Limits, SourceMapping
from ticketing.billing.sources.mapping.record import read_record, require_answer
from ticketing.billing.sources.strict_json import BadDocument, decode_document, parse_document

Gate = Callable[[], Awaitable[None]]
_STOP_AFTER = 3  # login pages in a row, or records of other students in a run
_LIST_TRIES = 3
_RETRYABLE = {
    FailureClass.UNAVAILABLE,
    FailureClass.TIMEOUT,
    FailureClass.THROTTLED,
    FailureClass.BAD_DATA,
}


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a student's document as received."""

    text: str
    etag: str | None
    pause: float | None = None


async def open_gate() -> None:
    """Let a request through at once."""


class HttpSource:
    """A billing API. Made for one run; `gate` is awaited before every request of the list."""

    def __init__(
        self,
        url: str,
        mapping: SourceMapping,
        credentials: BillingCredentials,
        *,
        gate: Gate = open_gate,
    ) -> None:
        self.mapping, self.name, self.mapping_version = mapping, mapping.name, mapping.version
        self.list_duplicates = 0
        self._url, self._credentials, self._gate = url.rstrip("/"), credentials, gate
        self._connection = Connection(url, mapping, credentials)
        self._refused_in_a_row = self._wrong_owners = 0
        self._suspects: set[str] = set()  # whose record was another one's: fresh connection next

    @property
    def limits(self) -> Limits:
        """Return what the mapping file says about the source's limits."""
        return self.mapping.limits

    async def list_students(self) -> AsyncIterator[ListedStudent]:
        """Yield every student once, from a full reading: no filter, so no clock can lose rows."""
        listed = StudentList(self.mapping.students, self._fetch_page)
        try:
            async for student in listed.read():
                yield student
        except BadRecord as error:
            raise SourceError(error.failure, f"students: {error}") from error
        finally:
            self.list_duplicates = listed.duplicates

    async def fetch_record(self, external_id: str, etag: str | None) -> FetchOutcome:
        """Make one attempt within the deadline of the mapping file."""
        found = await self.fetch_document(external_id, etag)
        if not isinstance(found, Document):
            return self._counted(found)
        outcome = read_record(self.mapping, external_id, found.text, found.etag)
        if isinstance(outcome, FetchedRecord):
            outcome = replace(outcome, pause=found.pause)
        return self._counted(outcome)

    async def fetch_document(
        self, external_id: str, etag: str | None
    ) -> Document | NotModified | FailedFetch:
        """Return the text of a student's document without reading its bills."""
        seconds = self.mapping.limits.deadline_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._fetch(external_id, etag)
        except TimeoutError:
            text = f"no complete response within {seconds:g} seconds"
            return FailedFetch(external_id, FailureClass.TIMEOUT, text)
        except RequestFailed as error:
            message = self._credentials.hide_in(str(error))
            return FailedFetch(
                external_id, error.failure, message, error.retry_after, error.stops_run
            )

    async def aclose(self) -> None:
        """Close connections."""
        await self._connection.aclose()

    async def _fetch(self, external_id: str, etag: str | None) -> Document | NotModified:
        path = self.mapping.record.path.replace("{student}", quote(external_id, safe=""))
        headers = {"Accept": "application/json"} | ({"If-None-Match": etag} if etag else {})
        is_suspect = external_id in self._suspects
        get = self._connection.get_fresh if is_suspect else self._connection.get
        reply = await get(path, headers)
        pause = pause_before_limit(reply.headers, datetime.now(UTC))
        if reply.status == HTTPStatus.NOT_MODIFIED and etag:
            return NotModified(external_id, pause)
        return Document(self._text(reply), reply.headers.get("etag"), pause)

    def _text(self, reply: Reply) -> str:
        record = self.mapping.record
        if reply.status == HTTPStatus.NO_CONTENT:
            text = "the body is empty, which is not the same as no bills"
            raise RequestFailed(FailureClass.BAD_DATA, text)
        require_usable(
            reply,
            now=datetime.now(UTC),
            content_types=record.content_types,
            quota_texts=record.quota_texts,
        )
        try:
            return decode_document(reply.body, self.mapping.encoding)
        except BadDocument as error:
            raise RequestFailed(FailureClass.BAD_DATA, str(error)) from error

    def _counted(self, outcome: FetchOutcome) -> FetchOutcome:
        """Stop the run at the third login page in a row, or the third record of another."""
        failure = outcome.failure if isinstance(outcome, FailedFetch) else None
        self._refused_in_a_row = (
            self._refused_in_a_row + 1 if failure is FailureClass.REFUSED else 0
        )
        is_wrong = failure is FailureClass.WRONG_OWNER
        self._wrong_owners += is_wrong
        (self._suspects.add if is_wrong else self._suspects.discard)(outcome.external_id)
        stops = self._refused_in_a_row >= _STOP_AFTER or (
            is_wrong and self._wrong_owners >= _STOP_AFTER
        )
        if isinstance(outcome, FailedFetch) and stops:
            return replace(outcome, stops_run=True)
        return outcome

    async def _fetch_page(self, parameters: dict[str, str], link: str | None) -> Page:
        """Return a page; a passing failure is repeated, since a list is read as a whole."""
        for tries_left in reversed(range(_LIST_TRIES)):
            await self._gate()
            try:
                async with asyncio.timeout(self.mapping.limits.deadline_seconds):
                    return await self._fetch_page_once(parameters, link)
            except TimeoutError:
                failed = RequestFailed(FailureClass.TIMEOUT, "a page took too long")
            except RequestFailed as error:
                failed = error
            if not tries_left or failed.failure not in _RETRYABLE:
                break
            delay = failed.retry_after
            await asyncio.sleep(2.0 ** (_LIST_TRIES - 1 - tries_left) if delay is None else delay)
        message = self._credentials.hide_in(f"students: {failed}")
        raise SourceError(failed.failure, message, failed.retry_after)

    async def _fetch_page_once(self, parameters: dict[str, str], link: str | None) -> Page:
        students = self.mapping.students
        query = {} if link else parameters
        accept = {"Accept": "application/json"}
        reply = await self._connection.get(link or students.path, accept, parameters=query)
        try:
            document = parse_document(self._text(reply))
            require_answer(document, students.ok, students.answers)
        except BadDocument as error:
            raise RequestFailed(FailureClass.BAD_DATA, str(error)) from error
        except BadRecord as error:
            raise RequestFailed(error.failure, str(error)) from error
        return Page(document, self._next_link(reply.headers.get("link", "")))

    def _next_link(self, header: str) -> str | None:
        """Return the address of `rel="next"`; one of another host would get our credentials."""
        for part in header.split(","):
            target, _, options = part.partition(";")
            if 'rel="next"' not in options and "rel=next" not in options:
                continue
            url = urljoin(f"{self._url}/", target.strip().strip("<>"))
            if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
                text = "the Link header leads to another host than BILLING_URL"
                raise RequestFailed(FailureClass.SOURCE_CONFIG, text, stops_run=True)
            return url
        return None
