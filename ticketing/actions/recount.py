"""Counting places and promo codes anew, should the counts ever differ from the orders."""

from ticketing.domain.events import Event
from ticketing.store import audit, recount
from ticketing.store.database import Database
from ticketing.store.recount import Recount


def recount_sales(database: Database, event: Event, *, by: str) -> Recount:
    """Correct what is wrong; safe to repeat, and while selling goes on."""
    with database.transaction() as connection:
        corrected = recount.recount(connection, event.id)
        if corrected.ticket_types or corrected.promo_codes:
            audit.record(
                connection,
                actor=by,
                action="sales.recount",
                event_id=event.id,
                items=len(corrected.ticket_types) + len(corrected.promo_codes),
                details={
                    "ticket_types": list(corrected.ticket_types),
                    "promo_codes": list(corrected.promo_codes),
                },
            )
    return corrected
