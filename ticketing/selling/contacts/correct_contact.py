"""Correct the contact of an order: by the office, or by the buyer once a code has confirmed it.

Whoever has received the messages at the former contact cannot use them: links to the order are
bound to the contacts, and every live ticket gets a new code. Vouchers keep their codes, which
`ticketing vouchers reissue` replaces. All messages are sent again, to the new contact only.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.orders import audit, place_guest_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_contact import corrected_buyer, former_contacts, mask_contact
from ticketing.orders.order import Buyer, Order, OrderState
from ticketing.orders.place_guest import guest_contact
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import BuyerUnknown
from ticketing.roster.model import make_natural_key
from ticketing.selling.checkout.buyer_input import parse_contact
from ticketing.selling.contacts import correction_queries
from ticketing.selling.payments.complete_order import enqueue_confirmation, enqueue_guest_ticket
from ticketing.tickets.issuing import entitlement_lock_queries
from ticketing.tickets.issuing.renew import renew_tickets

_NEW_CODE_REASON = "the contact of the order was corrected"


def correct_contact(
    database: Database,
    keys: KeyRing,
    code: str,
    contact: str,
    *,
    reason: str,
    at: datetime,
    by: str,
) -> Order:
    """Set the e-mail address or phone number of an order's buyer, in any state, for the office.

    Nothing happens if the buyer has this contact. Refuses an order without a buyer.
    """
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        event = event_queries.get(connection, str(order.event_id))
        return apply_contact(
            connection, keys, order, parse_contact(event, contact), reason=reason, at=at, by=by
        )


def apply_contact(
    connection: Connection,
    keys: KeyRing,
    order: Order,
    contact: str,
    *,
    reason: str = "",
    at: datetime,
    by: str,
) -> Order:
    """Replace the contact of a locked order, with all effects; return the changed order."""
    before = require_buyer(order)
    after = with_contact(before, contact)
    former = former_contacts(before, after)
    if after == before:
        return order
    order_queries.set_buyer(connection, order, after)
    order = replace(order, buyer=after)
    place_guest_queries.replace_contact(
        connection, order.id, guest_contact(None, before), guest_contact(None, after)
    )
    renewed = _renew_tickets(connection, keys, order, at=at, by=by)
    repeated = _send_again(connection, order, former, contact)
    if renewed and outbox.ORDER_CONFIRMATION not in repeated:
        enqueue_confirmation(connection, order, after)
    audit.record(
        connection, order, by, "orders.correct_contact", items=len(repeated),
        details={
            "from": [mask_contact(each) for each in former],
            "to": mask_contact(contact),
            "renewed_tickets": renewed,
            "reason": reason,
        },
    )  # fmt: skip
    return order


def require_buyer(order: Order) -> Buyer:
    """Return the buyer of an order. Raises BuyerUnknown."""
    if order.buyer is None:
        raise BuyerUnknown(f"order {order.code} has no buyer yet: there is no contact to correct")
    return order.buyer


def with_contact(buyer: Buyer, contact: str) -> Buyer:
    """Return the buyer with the corrected contact and the key that belongs to it."""
    changed = corrected_buyer(buyer, contact)
    return replace(changed, key=make_natural_key("", changed.email, changed.phone))


def _renew_tickets(
    connection: Connection, keys: KeyRing, order: Order, *, at: datetime, by: str
) -> int:
    """Give all live tickets new codes; guests with an own address get theirs again."""
    places = place_guest_queries.list_granted(connection, order.id)
    guest_ids = [place.guest_id for place in places if place.is_entitled]
    if not guest_ids:
        return 0
    event = event_queries.get(connection, str(order.event_id))
    entitlement_lock_queries.lock_guests(connection, order.event_id, guest_ids)
    renewed = renew_tickets(
        connection, event, guest_ids, keys=keys, at=at, by=by, reason=_NEW_CODE_REASON,
        batch_key=f"contact {order.code} {at.isoformat()}",
    )  # fmt: skip
    if renewed:
        for guest in place_guest_queries.list_given(connection, order.id):
            enqueue_guest_ticket(connection, order, guest)
    return renewed


def _send_again(
    connection: Connection, order: Order, former: tuple[str, ...], contact: str
) -> list[str]:
    """Enqueue every message that went to a former contact for the new one; return the purposes."""
    messages = correction_queries.withdraw_messages(connection, order.code, former)
    current = [
        each
        for each in messages
        if each.purpose != outbox.ORDER_PLACED or order.state is OrderState.PENDING
    ]
    for each in current:
        named = {"purpose": each.purpose, "subject": each.subject, "recipient": contact}
        revision = outbox.next_revision(connection, **named)
        outbox.enqueue(
            connection, event_id=order.event_id, payload=each.payload, revision=revision, **named
        )
    return [each.purpose for each in current]
