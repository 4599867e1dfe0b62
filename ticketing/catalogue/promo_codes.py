"""Create, end and list the promo codes of an event."""

from datetime import datetime

from ticketing.catalogue import promo_queries, ticket_type_queries
from ticketing.catalogue.promo_code import NewPromo, normalise_promo_code
from ticketing.catalogue.promo_queries import PromoUsage
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PromoRefused


def add_promo(
    database: Database, event: Event, new: NewPromo, *, ticket_type: str | None, by: str
) -> None:
    """Create a promo code; refuses a code that exists and an unknown ticket type."""
    with database.transaction() as connection:
        type_id = None
        if ticket_type is not None:
            known = {
                one.name: one.id for one in ticket_type_queries.list_for_event(connection, event.id)
            }
            if ticket_type not in known:
                raise PromoRefused(
                    f"{event.slug} has no ticket type {ticket_type!r}"
                    f" (known: {', '.join(known) or 'none'})"
                )
            type_id = known[ticket_type]
        promo_queries.insert_promo(connection, event.id, new, ticket_type_id=type_id)
        audit_log.record(
            connection,
            actor=by,
            action="promos.create",
            event_id=event.id,
            subject=new.code,
            items=1,
            details={"kind": new.kind, "value": new.value, "max_uses": new.max_uses},
        )


def end_promo(database: Database, event: Event, code: str, *, at: datetime, by: str) -> None:
    """End a promo code now; orders that used it keep their price. Safe to repeat."""
    with database.transaction() as connection:
        promo = promo_queries.get(connection, event.id, normalise_promo_code(code))
        if at < promo.valid_until:
            promo_queries.mark_ended(connection, promo.id, at=at)
            audit_log.record(
                connection, by, "promos.disable", event_id=event.id, subject=promo.code, items=1
            )


def list_promo_usage(database: Database, event: Event) -> list[PromoUsage]:
    """Return the promo codes of an event with their usage, oldest first."""
    return database.run(promo_queries.list_usage, event.id)
