"""Put ticket types on sale and take them off. Placed orders keep their price."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.events.model import Event
from ticketing.orders import cancellation_queries
from ticketing.orders.holds import HoldLimits
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import AlreadyExists, CapacityTaken, NotOnSale
from ticketing.platform.kernel.money import Rupiah

NO_LIMIT = 0


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """Price, capacity and limits of a ticket type. None keeps a value; 0 removes a limit."""

    price: Rupiah | None = None
    capacity: int | None = None
    per_order: int | None = None
    per_buyer: int | None = None


def open_sale(
    database: Database,
    event: Event,
    name: str,
    terms: SaleTerms,
    *,
    by: str,
    is_new: bool | None = None,
) -> TicketTypeListing:
    """Put a ticket type on sale or change its terms; repeating it changes nothing.

    `is_new` True refuses a type that was on sale before, False one that never was. Also refuses a
    new type without a price, and a capacity below the pending and sold places.
    """
    with database.transaction() as connection:
        check_event_not_cancelled(connection, event)
        known = ticket_type_queries.lock_by_name(connection, event.id, name)
        was_sold = known is not None and bool(known.on_sale or known.price.amount)
        if is_new is True and was_sold:
            raise AlreadyExists(
                f"{event.slug} has a ticket type {name!r}; to change it:"
                " `ticketing ticket-types update`"
            )
        if is_new is False and not was_sold:
            raise NotOnSale(
                f"{name!r} was never on sale; to put it on sale: `ticketing ticket-types create`"
            )
        if terms.price is None and not was_sold:
            raise NotOnSale(f"ticket type {name!r} is new: set its price with --price")
        known = known or ticket_type_queries.get_or_insert(connection, event.id, name)
        values = apply_sale_terms(connection, known, terms)
        audit_log.record(
            connection,
            actor=by,
            action="ticket_types.put_on_sale",
            event_id=event.id,
            subject=name,
            items=1,
            details=values,
        )
        return next(
            one
            for one in ticket_type_queries.list_for_event(connection, event.id)
            if one.id == known.id
        )


def close_sale(database: Database, event: Event, name: str | None, *, by: str) -> int:
    """Take one ticket type off sale, or all; pending orders can still be paid. Safe to repeat."""
    with database.transaction() as connection:
        if name is None:
            closed = ticket_type_queries.mark_all_off_sale(connection, event.id)
        else:
            known = ticket_type_queries.lock_by_name(connection, event.id, name)
            if known is None:
                names = (
                    ", ".join(
                        one.name for one in ticket_type_queries.list_for_event(connection, event.id)
                    )
                    or "none"
                )
                raise NotOnSale(f"{event.slug} has no ticket type {name!r} (known: {names})")
            ticket_type_queries.update_ticket_type(connection, known.id, {"on_sale": False})
            closed = int(known.on_sale)
        if closed:
            audit_log.record(
                connection,
                actor=by,
                action="ticket_types.disable",
                event_id=event.id,
                subject=name or event.slug,
                items=closed,
            )
    return closed


def check_event_not_cancelled(connection: Connection, event: Event) -> None:
    """Refuse to sell anything for a cancelled event."""
    if cancellation_queries.find(connection, event.id) is not None:
        raise NotOnSale(f"{event.slug} was cancelled; nothing is sold for it any more")


def apply_sale_terms(
    connection: Connection, known: TicketTypeListing, terms: SaleTerms
) -> dict[str, object]:
    """Put a locked type on sale and return the written values.

    Refuses a capacity below the pending and sold places.
    """
    taken = known.stock.pending + known.stock.sold
    if terms.capacity and terms.capacity < taken:
        raise CapacityTaken(
            f"{known.name}: a capacity of {terms.capacity} is below the {taken} places taken"
            f" ({known.stock.pending} pending, {known.stock.sold} sold)",
            taken=taken,
        )
    values = {"on_sale": True} | _changes(terms)
    ticket_type_queries.update_ticket_type(connection, known.id, values)
    return values


def list_ticket_types(database: Database, event: Event) -> list[TicketTypeListing]:
    """Return the ticket types of an event with their stock."""
    return database.run(ticket_type_queries.list_for_event, event.id)


def list_types_on_sale(
    database: Database, event: Event, holds: HoldLimits
) -> list[TicketTypeListing]:
    """Return the ticket types on sale with their stock, and with the limits of the public."""
    return [
        replace(
            one, limits=replace(one.limits, per_order=holds.max_per_order(one.limits.per_order))
        )
        for one in list_ticket_types(database, event)
        if one.on_sale
    ]


def _changes(terms: SaleTerms) -> dict[str, object]:
    limits = {
        "capacity": terms.capacity,
        "max_per_order": terms.per_order,
        "max_per_buyer": terms.per_buyer,
    }
    changes: dict[str, object] = {
        name: None if most == NO_LIMIT else most
        for name, most in limits.items()
        if most is not None
    }
    return changes if terms.price is None else changes | {"price": terms.price.amount}
