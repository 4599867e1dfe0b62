"""Who is next to get a ticket: everyone who lacks one, or the people asked for by id."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from ticketing.actions.hand_out import Failure
from ticketing.domain.missing import Entitlement, Standing
from ticketing.store import missing, recipients
from ticketing.store.recipients import Recipient


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the queue, locked: whom to serve, and who is dealt with already."""

    people: Sequence[Recipient]
    skipped: int = 0
    failures: Sequence[Failure] = ()


class Queue(Protocol):
    """People waiting. `skipped` of the `total` are known from the start to have a ticket."""

    total: int
    skipped: int

    def next_page(self, connection: Connection, count: int) -> Page | None:
        """At most `count` people to serve, locked until the transaction ends; None at the end."""


class EveryoneLacking:
    """All who are eligible and without a ticket, in the order of the list."""

    def __init__(self, connection: Connection, event_id: int, *, over: bool) -> None:
        """Count them; they are fetched page by page."""
        gap = missing.gap(connection, event_id, over=over)
        self.total, self.skipped = gap.missing + gap.has_ticket, gap.has_ticket
        self._event_id = event_id
        self._after: int | None = None if over else 0

    def next_page(self, connection: Connection, count: int) -> Page | None:
        """The next of them; those whom another issuer holds are its business."""
        if self._after is None:
            return None
        page = recipients.lock_lacking(connection, self._event_id, after=self._after, count=count)
        self._after = page.last_seen
        return None if page.last_seen is None else Page(page.recipients)


class PeopleAskedFor:
    """Named people, whatever they have: each is served, skipped or failed with a reason."""

    skipped = 0

    def __init__(self, event_id: int, guest_ids: Iterable[int], *, over: bool) -> None:
        """Each id counts once, in the order of the ids."""
        self._waiting = sorted(set(guest_ids))
        self.total = len(self._waiting)
        self._event_id, self._over = event_id, over

    def next_page(self, connection: Connection, count: int) -> Page | None:
        """The next of them; waits for those whom another issuer holds, to know what came of it."""
        guest_ids, self._waiting = self._waiting[:count], self._waiting[count:]
        if not guest_ids:
            return None
        recipients.lock_guests(connection, self._event_id, guest_ids)
        rights: dict[int, list[Entitlement]] = defaultdict(list)
        for right in missing.of_guests(connection, self._event_id, guest_ids, over=self._over):
            rights[right.guest_id].append(right)
        return _sorted_out(guest_ids, rights, count)


def _sorted_out(guest_ids: Sequence[int], rights: dict[int, list[Entitlement]], count: int) -> Page:
    people: list[Recipient] = []
    failures: list[Failure] = []
    skipped = 0
    for guest_id in guest_ids:
        theirs = rights.get(guest_id, [])
        lacking = [right for right in theirs if right.standing is Standing.MISSING]
        if lacking:
            people += [Recipient(right.attendee_id, guest_id) for right in lacking]
        elif any(right.standing is Standing.HAS_TICKET for right in theirs):
            skipped += 1
        else:
            failures.append(Failure(guest_id, _why_not(guest_id, theirs)))
    return Page(people[:count], skipped, failures)


def _why_not(guest_id: int, rights: Sequence[Entitlement]) -> str:
    if not rights:
        return f"nobody with the id {guest_id} is on the event's list"
    return "; ".join(right.reason for right in rights)
