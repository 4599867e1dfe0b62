"""Pages of the list of students, by page number, offset or cursor, with a Link header."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from urllib.parse import urlencode

from simulators.billing.answer import Answer
from simulators.billing.school import School
from simulators.billing.student import JAKARTA, SimulatedStudent
from simulators.http import Json

_PASSED_ON = ("per_page", "updated_after")  # in links; a key in the query is not repeated


class StudentPages:
    """Builds pages of the students of a school."""

    def __init__(self, school: School) -> None:
        """Store the school."""
        self._school = school

    def page(self, query: dict[str, str], max_page: int) -> Answer:
        """Return the page that a query asks for; larger pages are cut to `max_page` silently.

        Raises ValueError for numbers and times that cannot be read.
        """
        size = min(_positive(query, "per_page", max_page), max_page)
        everyone = self._selected(query.get("updated_after", ""))
        start = self._start(query, everyone, size)
        chosen = list(islice(everyone, start, start + size))
        has_more = start + size < len(everyone)
        following = chosen[-1].idperson if chosen and has_more else None
        meta: Json = {"per_page": size, "total": len(everyone), "next": following}
        if "cursor" not in query and "offset" not in query:
            meta["page"] = start // size + 1
        headers = {"Link": _link(query, following)} if following else {}
        listed = [one.listed() for one in chosen]
        return Answer.json(200, {"status": True, "data": listed, "meta": meta}, headers)

    def _selected(self, updated_after: str) -> Sequence[SimulatedStudent]:
        everyone = list(self._school.students.values())
        if not updated_after:
            return everyone
        after = _jakarta_text(updated_after)
        return [one for one in everyone if one.updated_at > after]

    def _start(self, query: dict[str, str], everyone: Sequence[SimulatedStudent], size: int) -> int:
        if query.get("cursor"):
            return sum(one.idperson <= query["cursor"] for one in everyone)
        if "offset" in query:
            return int(query["offset"])
        return (_positive(query, "page", 1) - 1) * size


def damaged(page: Json, fault: str, first: list[SimulatedStudent]) -> Json:
    """Return a page with a fault of the list; `first` are the students of the first page."""
    items = page["data"]
    if not isinstance(items, list):
        raise TypeError("a page without a list")
    changed = {
        "list-empty": [],
        "list-half": items[: len(items) // 2],
        "list-repeated": [one.listed() for one in first],
        "list-duplicate": items[:-1] + items[:1],
    }
    return page | {"data": changed[fault]}


def _link(query: dict[str, str], cursor: str) -> str:
    kept = {name: query[name] for name in _PASSED_ON if name in query}
    following = urlencode({"cursor": cursor} | kept)
    return f'</students?{urlencode(kept)}>; rel="first", </students?{following}>; rel="next"'


def _positive(query: dict[str, str], name: str, default: int) -> int:
    number = int(query.get(name) or default)
    if number < 1:
        raise ValueError(f"{name}: {number} is below 1")
    return number


def _jakarta_text(text: str) -> str:
    """Return a time as students carry it; a time without an offset is in Jakarta."""
    at = datetime.fromisoformat(text.replace(" ", "T", 1) if "+" not in text else text)
    local = at.astimezone(JAKARTA) if at.tzinfo else at
    return f"{local:%Y-%m-%d %H:%M:%S}"
