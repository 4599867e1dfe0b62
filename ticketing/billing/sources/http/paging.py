"""Read a list page by page to its end, or say that it is not complete."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from ticketing.billing.sources.contract import FailureClass, ListedStudent, SourceError
from ticketing.billing.sources.mapping.model import Students
from ticketing.billing.sources.mapping.paths import MISSING, find, is_blank, items_at, word
from ticketing.billing.sources.mapping.values import fulfils

_MAX_PAGES = 100_000


class Page(NamedTuple):
    """One page of a list, and the address of the next one from its `Link` header."""

    document: object
    next_link: str | None = None


FetchPage = Callable[[dict[str, str], str | None], Awaitable[Page]]


class StudentList:
    """The students of all pages, each once. `duplicates` counts those that came again."""

    def __init__(self, students: Students, fetch: FetchPage) -> None:
        self._students, self._fetch = students, fetch
        self._seen: set[str] = set()
        self._total: int | None = None
        self._has_moved = False
        self.duplicates = 0

    async def read(self) -> AsyncIterator[ListedStudent]:
        """Yield every student. Reads all pages again if the total moved or was not reached.

        Raises SourceError when the list is incomplete after the second reading.
        """
        async for student in self._read_once():
            yield student
        if self._is_complete():
            return
        async for student in self._read_once():
            yield student
        if self._total is not None and len(self._seen) < self._total:
            raise SourceError(
                FailureClass.BAD_DATA,
                f"the list of students is incomplete: {len(self._seen)} of {self._total} after two"
                " readings; nobody is removed because of it",
            )

    def _is_complete(self) -> bool:
        reached = self._total is None or len(self._seen) == self._total
        return reached and not self._has_moved

    async def _read_once(self) -> AsyncIterator[ListedStudent]:
        paging, position, link = self._students.paging, _Position(self._students), None
        this_pass: set[str] = set()
        previous: list[str] = []
        stale = 0  # pages in a row without anybody new: rows move, but not by two pages
        self._has_moved = False
        for number in range(_MAX_PAGES):
            page = await self._fetch(position.parameters(), link)
            self._note_total(page.document, is_first=number == 0)
            found = self._items(page.document)
            ids = [student.external_id for student in found]
            stale = stale + 1 if ids and this_pass.issuperset(ids) else 0
            if ids and (ids == previous or stale > 1):
                raise SourceError(
                    FailureClass.BAD_DATA,
                    f"page {number + 1} of the list repeats earlier pages; check `paging`",
                )
            previous = ids
            for student in found:
                if student.external_id in this_pass:
                    self.duplicates += 1
                this_pass.add(student.external_id)
                if student.external_id not in self._seen:
                    self._seen.add(student.external_id)
                    yield student
            link = page.next_link if paging.kind == "link" else None
            following = _next_cursor(page.document, paging.next)
            is_last = {
                "none": True,
                "link": link is None,
                "cursor": following is None,
            }.get(paging.kind)
            if is_last is None:
                reached = self._total is not None and len(this_pass) >= self._total
                is_last = not ids or reached
            if is_last:
                return
            position.advance(len(ids), following)
        raise SourceError(FailureClass.BAD_DATA, f"the list has more than {_MAX_PAGES} pages")

    def _note_total(self, document: object, *, is_first: bool) -> None:
        path = self._students.paging.total
        if path is None:
            return
        found = find({"doc": document}, f"doc.{path}")
        if is_blank(found) or not word(found).isdigit():
            raise SourceError(FailureClass.BAD_DATA, f"students: {path} is no number of students")
        total = int(word(found))
        self._has_moved = self._has_moved or (not is_first and total != self._total)
        self._total = total

    def _items(self, document: object) -> list[ListedStudent]:
        scope = {"doc": document}
        items = items_at(scope, f"doc.{self._students.items}")
        return [read_student(item, self._students) for item in items]


class _Position:
    """The parameters of the next page."""

    def __init__(self, students: Students) -> None:
        self._paging = students.paging
        self._page, self._offset, self._cursor = students.paging.first, 0, ""

    def parameters(self) -> dict[str, str]:
        paging = self._paging
        size = {paging.size_parameter: str(paging.size)}
        if paging.kind == "page":
            return {paging.page: str(self._page)} | size
        if paging.kind == "offset":
            return {paging.offset: str(self._offset)} | size
        if paging.kind == "cursor":
            return ({paging.cursor: self._cursor} if self._cursor else {}) | size
        return size if paging.kind == "link" else {}

    def advance(self, received: int, cursor: str | None) -> None:
        self._page, self._offset = self._page + 1, self._offset + received
        self._cursor = cursor or ""


def read_student(item: object, students: Students) -> ListedStudent:
    """Return a student of an item. Raises SourceError for one without an id."""
    scope = item if isinstance(item, dict) else {}
    found = find(scope, students.id)
    if is_blank(found):
        raise SourceError(FailureClass.BAD_DATA, f"students: {students.id} of an item is missing")
    name = find(scope, students.name)
    group = find(scope, students.group) if students.group else MISSING
    return ListedStudent(
        word(found),
        "" if is_blank(name) else word(name),
        None if is_blank(group) else word(group),
        students.active is None or fulfils(scope, students.active),
    )


def _next_cursor(document: object, path: str | None) -> str | None:
    found = find({"doc": document}, f"doc.{path}") if path else MISSING
    return None if is_blank(found) else word(found)
