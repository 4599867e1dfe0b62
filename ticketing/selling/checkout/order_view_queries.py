"""Queries for the buyer's view of an order: names, payment, tickets, vouchers and open flags."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, and_, bindparam, case, func, select

from ticketing.orders import instalment_queries, place_guest_queries
from ticketing.orders.instalments import Instalment, next_unpaid_instalment
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.place_guest import PlaceGuest
from ticketing.orders.queries import NewOrder
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.orders import (
    order_lines,
    order_positions,
    order_review_flags,
    orders,
    promo_redemptions,
)
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.platform.kernel.money import ZERO, Rupiah
from ticketing.tickets.order_ticket_queries import OrderTicketFile, list_order_ticket_files
from ticketing.vouchers.model import VoucherState


@dataclass(frozen=True, slots=True)
class OrderViewLine:
    """Places of one ticket type, at the price of the order, and their known guests."""

    ticket_type_id: int
    name: str
    quantity: int
    price: Rupiah
    guests: tuple[PlaceGuest, ...] = ()
    is_package: bool = False  # of vouchers, which have no guests


@dataclass(frozen=True, slots=True)
class OrderVoucher:
    """A voucher of the order; code and password are None unless it can be used.

    `is_late` means that automatic retries ended; `password` is None if it equals the code.
    """

    package: str
    state: VoucherState
    is_late: bool
    ends_at: datetime | None
    code: str | None = field(repr=False)
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """The payment attempt that paid the order, else the latest one.

    Token and address are None without a session to pay on. `payment_code` is empty unless the
    gateway waits for a payment to it.
    """

    state: AttemptState
    transaction_id: str
    payment_code: str
    checkout_token: str | None = field(repr=False)
    checkout_url: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OrderView:
    """All details of an order. `flags` are open review flags."""

    id: int
    code: str
    event_id: int
    state: OrderState
    subtotal: Rupiah
    discount: Rupiah
    total: Rupiah
    refunded: Rupiah
    promo_code: str | None
    buyer: Buyer | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    lines: tuple[OrderViewLine, ...]
    attempt: ShownAttempt | None
    tickets: tuple[OrderTicketFile, ...]
    places: int  # entitled to a ticket now
    flags: tuple[ReviewFlag, ...]
    instalments: tuple[Instalment, ...] = ()  # instalments, if the order is paid by a payment plan
    vouchers: tuple[OrderVoucher, ...] = ()

    @property
    def next_instalment(self) -> Instalment | None:
        """Return the instalment to be paid next, or None."""
        return (
            next_unpaid_instalment(self.instalments) if self.state is OrderState.PENDING else None
        )

    @property
    def is_in_progress(self) -> bool:
        """Return whether a payment, a ticket or a voucher is expected."""
        return self.state is OrderState.PENDING or self.awaits_tickets or self.awaits_vouchers

    @property
    def awaits_tickets(self) -> bool:
        """Return whether tickets are being created."""
        printed = sum(ticket.is_printed for ticket in self.tickets)
        return self.state is OrderState.PAID and printed < self.places

    @property
    def awaits_vouchers(self) -> bool:
        """Return whether vouchers are being created."""
        return any(voucher.state in _UNFINISHED_VOUCHER_STATES for voucher in self.vouchers)


_UNFINISHED_VOUCHER_STATES = {VoucherState.PENDING, VoucherState.PROVISIONING}

# built once: pages poll every few seconds, and building a query costs more than executing it
_ORDER_ID = bindparam("order_id", type_=BigInteger)
_ORDER = (
    select(orders, promos.c.code.label("promo_code"))
    .outerjoin(promo_redemptions, promo_redemptions.c.order_id == orders.c.id)
    .outerjoin(promos, promos.c.id == promo_redemptions.c.promo_id)
    .where(orders.c.id == _ORDER_ID)
)
_LINES = (
    select(
        ticket_types.c.id,
        ticket_types.c.name,
        order_lines.c.quantity,
        order_lines.c.price,
        packages.c.ticket_type_id.is_not(None).label("is_package"),
    )
    .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
    .outerjoin(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
    .where(order_lines.c.order_id == _ORDER_ID)
    .order_by(ticket_types.c.id)
)
_HAS_PAID = payment_attempts.c.id == bindparam("paid_attempt_id", type_=BigInteger)
_SHOWN_ATTEMPT = (
    select(payment_attempts)
    .where(payment_attempts.c.order_id == _ORDER_ID)
    .order_by(_HAS_PAID.desc().nulls_last(), payment_attempts.c.number.desc())
    .limit(1)
)
_IS_ACTIVE = vouchers.c.state == VoucherState.ACTIVE
_HAS_PASSWORD = and_(_IS_ACTIVE, vouchers.c.password != vouchers.c.name)
_VOUCHERS = (
    select(
        ticket_types.c.name,
        vouchers.c.state,
        vouchers.c.failed_at.is_not(None),
        vouchers.c.expires_at,
        case((_IS_ACTIVE, vouchers.c.name)),
        case((_HAS_PASSWORD, vouchers.c.password)),
    )
    .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
    .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
    .where(order_lines.c.order_id == _ORDER_ID)
    .order_by(order_lines.c.ticket_type_id, vouchers.c.number)
)
_PLACES = (
    select(func.count())
    .select_from(order_lines)
    .join(order_positions, order_positions.c.order_line_id == order_lines.c.id)
    .join(entitlements, entitlements.c.id == order_positions.c.entitlement_id)
    .where(order_lines.c.order_id == _ORDER_ID, entitlements.c.state == "entitled")
)
_FLAGS = (
    select(order_review_flags.c.flag)
    .where(order_review_flags.c.order_id == _ORDER_ID, order_review_flags.c.resolved_at.is_(None))
    .order_by(order_review_flags.c.raised_at, order_review_flags.c.flag)
)


def from_new_order(
    order_id: int,
    new: NewOrder,
    names: Sequence[str],
    *,
    promo_code: str | None,
    instalments: tuple[Instalment, ...] = (),
    guests: Sequence[PlaceGuest] = (),
) -> OrderView:
    """Return the view of an order that was just stored, equal to `get` without a query."""
    return OrderView(
        id=order_id,
        code=new.code,
        event_id=new.event_id,
        state=OrderState.PENDING,
        subtotal=new.subtotal,
        discount=new.discount,
        total=new.subtotal - new.discount,
        refunded=ZERO,
        promo_code=promo_code,
        buyer=new.buyer if new.buyer.key else None,
        created_at=new.created_at,
        expires_at=new.expires_at,
        paid_at=None,
        lines=tuple(
            OrderViewLine(
                line.ticket_type_id,
                name,
                line.quantity,
                line.price,
                _guests_of_type(guests, line.ticket_type_id),
            )
            for name, line in zip(names, new.lines, strict=True)
        ),
        attempt=None,
        tickets=(),
        places=0,
        flags=(),
        instalments=instalments,
    )


def get(connection: Connection, order_id: int) -> OrderView:
    """Return the view of an order; refuses an unknown id."""
    parameters = {"order_id": order_id}
    row = connection.execute(_ORDER, parameters).one_or_none()
    if row is None:
        raise UnknownOrder("there is no such order")
    lines = connection.execute(_LINES, parameters).all()
    may_be_granted = row.state == OrderState.PAID or row.payment_plan_id is not None
    guests = place_guest_queries.list_guests(connection, order_id, may_be_granted=may_be_granted)
    return OrderView(
        id=row.id,
        code=row.code,
        event_id=row.event_id,
        state=OrderState(row.state),
        subtotal=Rupiah(row.subtotal),
        discount=Rupiah(row.discount),
        total=Rupiah(row.total),
        refunded=Rupiah(row.refunded),
        promo_code=row.promo_code,
        buyer=Buyer(row.buyer_key, row.buyer_name, row.buyer_email, row.buyer_phone)
        if row.buyer_key
        else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        paid_at=row.paid_at,
        lines=tuple(
            OrderViewLine(
                line.id,
                line.name,
                line.quantity,
                Rupiah(line.price),
                _guests_of_type(guests, line.id),
                line.is_package,
            )
            for line in lines
        ),
        attempt=_shown_attempt(connection, row),
        tickets=tuple(list_order_ticket_files(connection, order_id)),
        places=connection.execute(_PLACES, parameters).scalar_one(),
        flags=tuple(ReviewFlag(flag) for flag in connection.execute(_FLAGS, parameters).scalars()),
        instalments=instalment_queries.list_for_order(connection, order_id)
        if row.payment_plan_id
        else (),
        vouchers=_vouchers(connection, order_id) if any(one.is_package for one in lines) else (),
    )


def _guests_of_type(guests: Sequence[PlaceGuest], ticket_type_id: int) -> tuple[PlaceGuest, ...]:
    return tuple(guest for guest in guests if guest.place.ticket_type_id == ticket_type_id)


def _vouchers(connection: Connection, order_id: int) -> tuple[OrderVoucher, ...]:
    rows = connection.execute(_VOUCHERS, {"order_id": order_id})
    return tuple(OrderVoucher(name, VoucherState(state), *rest) for name, state, *rest in rows)


def _shown_attempt(connection: Connection, order: Row[Any]) -> ShownAttempt | None:
    parameters = {"order_id": order.id, "paid_attempt_id": order.paid_attempt_id}
    row = connection.execute(_SHOWN_ATTEMPT, parameters).one_or_none()
    if row is None:
        return None
    is_payable = order.state == OrderState.PENDING and row.checkout_closed_at is None
    token, url = (row.checkout_token, row.checkout_url) if is_payable else (None, None)
    state = AttemptState(row.state)
    code = row.payment_code if is_payable and state is AttemptState.PENDING else ""
    return ShownAttempt(state, row.transaction_id, code, token or None, url or None)


def get_order_view(database: Database, order_id: int) -> OrderView:
    """Return an order with everything its buyer may see, in a transaction of its own."""
    return database.run(get, order_id)
