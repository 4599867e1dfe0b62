"""Making promo codes, ending them, and how often each was used."""

from datetime import datetime

from ticketing.domain.errors import PromoRefused
from ticketing.domain.events import Event
from ticketing.domain.promotions import NewPromo, promo_code
from ticketing.store import audit, promos, sale
from ticketing.store.database import Database
from ticketing.store.promos import PromoUse


def add_promo(
    database: Database, event: Event, new: NewPromo, *, ticket_type: str | None, by: str
) -> None:
    """Make a code; refuses one that the event has, and a ticket type that it has not."""
    with database.transaction() as connection:
        type_id = None
        if ticket_type is not None:
            known = {one.name: one.id for one in sale.of(connection, event.id)}
            if ticket_type not in known:
                raise PromoRefused(
                    f"{event.slug} has no ticket type {ticket_type!r}"
                    f" (known: {', '.join(known) or 'none'})"
                )
            type_id = known[ticket_type]
        promos.add(connection, event.id, new, ticket_type_id=type_id)
        audit.record(
            connection,
            actor=by,
            action="promos.add",
            event_id=event.id,
            subject=new.code,
            items=1,
            details={"kind": new.kind, "value": new.value, "max_uses": new.max_uses},
        )


def end_promo(database: Database, event: Event, code: str, *, at: datetime, by: str) -> None:
    """End a code now; orders that used it keep their price. Safe to repeat."""
    with database.transaction() as connection:
        promo = promos.get(connection, event.id, promo_code(code))
        if at < promo.valid_until:
            promos.end(connection, promo.id, at=at)
            audit.record(
                connection,
                actor=by,
                action="promos.end",
                event_id=event.id,
                subject=promo.code,
                items=1,
            )


def promo_uses(database: Database, event: Event) -> list[PromoUse]:
    """Every code of the event, the oldest first."""
    with database.transaction() as connection:
        return promos.uses(connection, event.id)
