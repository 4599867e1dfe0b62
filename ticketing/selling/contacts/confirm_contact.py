"""Correction of a contact by the buyer: a code goes to the new contact and confirms it.

Limits keep the codes from being guessed, and the form from sending messages to strangers.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.contact_code import is_contact_code
from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_contact import (
    CODE_LIFETIME,
    CORRECTION_WINDOW,
    MAX_CODES_PER_CONTACT,
    MAX_CODES_PER_ORDER,
    ContactClosed,
    TooManyCodes,
    WrongCode,
    parse_code,
)
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnusableBuyer
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.checkout.buyer_input import parse_contact
from ticketing.selling.checkout.set_buyer import check_contact_hold, store_buyer
from ticketing.selling.contacts import correction_queries
from ticketing.selling.contacts.correct_contact import apply_contact, require_buyer, with_contact
from ticketing.tickets.order_ticket_queries import list_order_ticket_files

_CORRECTABLE_STATES = {OrderState.PENDING, OrderState.PAID}


def request_contact_code(database: Database, order_id: int, contact: str, *, at: datetime) -> str:
    """Send a code to the new contact of an order; return the contact as it will be stored.

    Refuses an ended order, one with an opened ticket, the present contact, and too many codes.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        event = event_queries.get(connection, str(order.event_id))
        wanted = parse_contact(event, contact)
        _check_correctable(connection, order)
        if with_contact(require_buyer(order), wanted) == order.buyer:
            raise UnusableBuyer("the order has this contact already", field="contact")
        _check_limits(connection, order, wanted, at=at)
        correction_id = correction_queries.insert_correction(
            connection, order.id, wanted, at=at, expires_at=at + CODE_LIFETIME
        )
        outbox.enqueue(
            connection,
            event_id=order.event_id,
            purpose=outbox.CONTACT_CODE,
            subject=str(correction_id),
            recipient=wanted,
            payload={"correction": correction_id},
        )
    return wanted


def confirm_contact(
    database: Database,
    keys: KeyRing,
    order_id: int,
    code: str,
    *,
    holds: HoldLimits = NO_HOLD_LIMITS,
    at: datetime,
    by: str,
) -> Order:
    """Correct the contact of an order by the code that was sent to the new one.

    Refuses a wrong or expired code, and a contact that would hold too many unpaid places: once it
    has paid or cancelled an order, the same code is accepted. After too many wrong codes a new one
    has to be requested.
    """
    digits = parse_code(code)
    corrected = database.run(_apply_if_right, keys, order_id, digits, holds=holds, at=at, by=by)
    if corrected is None:  # raised here, because the wrong code has to be counted
        raise WrongCode("the code is wrong or has expired; check it, or request another one")
    return corrected


def _apply_if_right(
    connection: Connection,
    keys: KeyRing,
    order_id: int,
    code: str,
    *,
    holds: HoldLimits,
    at: datetime,
    by: str,
) -> Order | None:
    order = order_queries.lock(connection, order_id)
    correction = correction_queries.find_newest(connection, order.id)
    if correction is None or correction.closed_by(at):
        return None
    if not is_contact_code(keys, correction.id, correction.contact, code):
        correction_queries.record_wrong_code(connection, correction.id)
        return None
    _check_correctable(connection, order)
    buyer = with_contact(require_buyer(order), correction.contact)
    lines = order_queries.list_lines(connection, order.id)
    if (order.state is OrderState.PENDING or order.total == ZERO) and at < order.expires_at:
        check_contact_hold(connection, order, buyer, lines, holds=holds, at=at)
    store_buyer(connection, order, buyer, lines)  # checks the limit of places per buyer
    correction_queries.complete(connection, correction.id, at=at)
    return apply_contact(connection, keys, order, correction.contact, at=at, by=by)


def _check_correctable(connection: Connection, order: Order) -> None:
    if order.state not in _CORRECTABLE_STATES:
        raise ContactClosed(f"order {order.code} is {order.state}; ask the organiser")
    if any(ticket.is_opened for ticket in list_order_ticket_files(connection, order.id)):
        raise ContactClosed(
            f"a ticket of order {order.code} was opened already; ask the organiser to correct"
            " the contact"
        )


def _check_limits(connection: Connection, order: Order, contact: str, *, at: datetime) -> None:
    correction_queries.lock_contact(connection, contact)
    of_order, of_contact = correction_queries.count_recent(
        connection, order.id, contact, since=at - CORRECTION_WINDOW
    )
    if of_order >= MAX_CODES_PER_ORDER or of_contact >= MAX_CODES_PER_CONTACT:
        raise TooManyCodes(
            f"too many codes were requested for order {order.code} or this contact within an hour;"
            " wait, or ask the organiser"
        )
