"""Recount places and promo codes when a counter differs from the orders."""

from ticketing.catalogue import recount_queries
from ticketing.catalogue.recount_queries import RecountResult
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database


def recount_sales(database: Database, event: Event, *, by: str) -> RecountResult:
    """Correct wrong counters; safe to repeat, and while selling continues."""
    with database.transaction() as connection:
        corrected = recount_queries.recount(connection, event.id)
        if corrected.ticket_types or corrected.promo_codes:
            audit_log.record(
                connection,
                actor=by,
                action="stock.recount",
                event_id=event.id,
                items=len(corrected.ticket_types) + len(corrected.promo_codes),
                details={
                    "ticket_types": list(corrected.ticket_types),
                    "promo_codes": list(corrected.promo_codes),
                },
            )
    return corrected
