"""What the tickets of entitled guests would print, whether they have one or not."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.rendering.queries import TICKET_COLUMNS


@dataclass(frozen=True, slots=True)
class EntitledPerson:
    """An entitled guest; `ticket_fields` are those of a PrintedTicket."""

    entitlement_id: int
    guest_id: int
    ticket_fields: dict[str, Any]

    @property
    def full_name(self) -> str:
        """Return the name of the guest."""
        return str(self.ticket_fields["full_name"])


def list_entitled(
    connection: Connection, event_id: int, *, after: int, count: int, guest_id: int | None = None
) -> list[EntitledPerson]:
    """Return the next entitled guests, or entitlements of one guest, by entitlement."""
    query = (
        select(entitlements.c.id, entitlements.c.guest_id, *TICKET_COLUMNS)
        .join_from(entitlements, guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .join(events, events.c.id == entitlements.c.event_id)
        .where(entitlements.c.event_id == event_id)
        .where(entitlements.c.state == "entitled", entitlements.c.id > after)
        .order_by(entitlements.c.id)
        .limit(count)
    )
    if guest_id is not None:
        query = query.where(entitlements.c.guest_id == guest_id)
    names = [column.name for column in TICKET_COLUMNS]
    return [
        EntitledPerson(entitlement_id, guest_id, dict(zip(names, printed, strict=True)))
        for entitlement_id, guest_id, *printed in connection.execute(query)
    ]
