"""Recount places and promo codes when a counter differs from the orders."""

from dataclasses import dataclass

from sqlalchemy import Connection, ScalarSelect, func, select, update
from sqlalchemy.exc import IntegrityError

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.orders import promo_redemptions
from ticketing.platform.kernel.errors import Refused


@dataclass(frozen=True, slots=True)
class RecountResult:
    """Corrected counters: ticket type ids, promo codes."""

    ticket_types: tuple[int, ...]
    promo_codes: tuple[str, ...]


def recount(connection: Connection, event_id: int) -> RecountResult:
    """Correct wrong counters; refuses when more is sold than the limits allow.

    Every change of an order's places or promo code updates these rows in the same transaction, so
    the orders cannot change once the rows are locked.
    """
    for table in (ticket_types, promos):
        locked = select(table.c.id).where(table.c.event_id == event_id).order_by(table.c.id)
        connection.execute(locked.with_for_update()).all()
    drifted = stock_queries.list_drifted(connection, event_id)
    miscounted = promo_queries.list_miscounted_codes(connection, event_id)
    try:
        for drift in drifted:
            connection.execute(
                update(ticket_types)
                .where(ticket_types.c.id == drift.ticket_type_id)
                .values(pending=drift.pending_by_orders, sold=drift.sold_by_orders)
            )
        connection.execute(
            update(promos)
            .where(promos.c.event_id == event_id, promos.c.code.in_(miscounted))
            .values(used=_live_redemption_count())
        )
    except IntegrityError as error:
        raise Refused(
            "more is sold than the limits allow: raise the capacity"
            " (`ticketing ticket-types update`) or the promo code's uses, or cancel orders;"
            " then recount"
        ) from error
    return RecountResult(tuple(drift.ticket_type_id for drift in drifted), tuple(miscounted))


def _live_redemption_count() -> ScalarSelect[int]:
    live = promo_redemptions.c.released_at.is_(None)
    same_promo = promo_redemptions.c.promo_id == promos.c.id
    return select(func.count()).where(same_promo, live).scalar_subquery()


def recount_sales(database: Database, event: Event, *, by: str) -> RecountResult:
    """Correct wrong counters; safe to repeat, and while selling continues."""
    with database.transaction() as connection:
        corrected = recount(connection, event.id)
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
