"""Join, confirm and leave a waiting list. No answer tells whether a contact was listed already.

Whoever joins proves by the link in the message that the contact is theirs: they confirm the entry
with a button, because programs that check mails open links.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.stock import PurchaseLimits
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.events.model import BuyerNotices, Event
from ticketing.orders import hold_queries
from ticketing.orders.buyer_notices import notice_addresses
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits
from ticketing.orders.order import ENDED_STATES, Buyer
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Conflict, LimitExceeded, NotOnSale
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.payments.expire_checkout_sessions import expire_order_sessions
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.model import EntryState, WaitingEntry

MAX_JOINED_NOTICES = 3  # per entry: joining must not be a way to send messages to strangers


class PlacesLeft(Conflict):
    """The places that someone wants to wait for can be ordered now."""


def join_waiting_list(
    database: Database,
    event: Event,
    ticket_type_id: int,
    *,
    quantity: int,
    buyer: Buyer,
    client_network: str = "",
    holds: HoldLimits = NO_HOLD_LIMITS,
    at: datetime,
    by: str,
) -> None:
    """Add a contact to the list of a ticket type once, and send it the link to confirm its entry.

    Until the entry is confirmed, the newest request counts. Refuses a type that is not on sale, or
    not sold out, more places than it can ever offer, and more than the limits of unpaid places.
    """
    with database.transaction() as connection:
        limits = _check(connection, event, ticket_type_id, quantity, at=at)
        if limits.per_order is None:
            holds.check_order(quantity)
        parameters = hold_queries.hold_parameters(holds, event.id, client_network, buyer.key, at)
        _, held = hold_queries.lock_and_count_held(connection, parameters)
        holds.check_contact(held, quantity)
        holds.check_entries(queries.count_of_network(connection, event.id, client_network))
        entry_id = queries.insert_entry(
            connection, event_id=event.id, ticket_type_id=ticket_type_id, quantity=quantity,
            buyer=buyer, client_network=client_network, at=at,
        )  # fmt: skip
        if entry_id is not None:
            audit_log.record(
                connection, by, "waiting_list.join", event_id=event.id, subject=str(entry_id),
                items=quantity,
            )  # fmt: skip
            _notify_of_entry(connection, event, entry_id, buyer)


def _notify_of_entry(connection: Connection, event: Event, entry_id: int, buyer: Buyer) -> None:
    """Send the link of the entry, even if the event wants no notices: nothing else has it.

    It is sent a limited number of times, and never changes.
    """
    sent = outbox.count_messages(
        connection, purpose=outbox.WAITING_LIST_JOINED, subject=str(entry_id)
    )
    if sent >= MAX_JOINED_NOTICES:
        return
    choice = BuyerNotices(event.buyer_notices)
    for address in notice_addresses(choice, buyer, is_required=True):
        message = {
            "purpose": outbox.WAITING_LIST_JOINED, "subject": str(entry_id), "recipient": address,
        }  # fmt: skip
        outbox.enqueue(
            connection, **message, event_id=event.id, payload={"entry": entry_id},
            revision=outbox.next_revision(connection, **message),
        )  # fmt: skip


def _check(
    connection: Connection, event: Event, ticket_type_id: int, quantity: int, *, at: datetime
) -> PurchaseLimits:
    if at >= event.ends_at:
        raise NotOnSale(f"{event.slug} is over")
    offered = find_type_on_sale(connection, event, ticket_type_id)
    left, capacity = offered.stock.available, offered.stock.capacity
    if left is None or left >= quantity:
        raise PlacesLeft(f"{offered.name}: {quantity} places can be ordered now")
    if capacity is not None and quantity > capacity:
        raise LimitExceeded(f"{quantity} places; {offered.name} has {capacity}", limit=capacity)
    offered.limits.check_order(quantity)
    return offered.limits


def find_type_on_sale(
    connection: Connection, event: Event, ticket_type_id: int
) -> TicketTypeListing:
    """Return a ticket type of the event. Raises NotOnSale."""
    for listing in ticket_type_queries.list_for_event(connection, event.id):
        if listing.id == ticket_type_id and listing.on_sale:
            return listing
    raise NotOnSale(f"ticket type {ticket_type_id} is not on sale for this event")


def confirm_entry(database: Database, token: UUID, *, at: datetime, by: str) -> WaitingEntry:
    """Confirm a waiting entry by its link; safe to repeat. Another state stays as it is."""
    entry_id = database.run(queries.get_by_token, token).id
    with database.transaction() as connection:
        entry = queries.lock(connection, entry_id)
        if entry.state is EntryState.WAITING and entry.confirmed_at is None:
            queries.record_confirmed(connection, entry, at=at, by=by)
        return queries.get(connection, entry_id)


def leave_waiting_list(
    database: Database, gateway: Midtrans, token: UUID, *, at: datetime, by: str
) -> WaitingEntry:
    """Leave the list by the link of an entry; safe to repeat."""
    entry = database.run(queries.get_by_token, token)
    return remove_entry(database, gateway, entry.id, at=at, by=by)


def remove_entry(
    database: Database,
    gateway: Midtrans,
    entry_id: int,
    *,
    reason: str = "",
    at: datetime,
    by: str,
) -> WaitingEntry:
    """Take an entry off the list; an offered order is cancelled first. One that ended stays so.

    Safe to repeat: the checkout sessions of the order are closed again if they are still open.
    Refuses while a payment of the offered order is processed.
    """
    entry = database.run(queries.get, entry_id)
    if entry.state is EntryState.OFFERED and entry.order_id is not None:
        cancel_order(database, entry.order_id, at=at, by=by)
    with database.transaction() as connection:
        entry = queries.lock(connection, entry_id)
        if entry.state is EntryState.OFFERED:  # offered at this moment
            raise Conflict(f"entry {entry_id} was offered places at this moment; try again")
        if entry.state in {EntryState.WAITING, EntryState.LAPSED}:
            queries.record_left(connection, entry, reason=reason, at=at, by=by)
        entry = queries.get(connection, entry_id)
    if entry.order_id is not None and entry.order_state in ENDED_STATES:
        expire_order_sessions(database, gateway, entry.order_id, at=at, by=by)
    return entry
