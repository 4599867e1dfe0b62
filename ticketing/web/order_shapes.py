"""What is asked and answered about orders, as JSON. Amounts are whole rupiah."""

from datetime import datetime
from typing import Annotated

from fastapi import Request
from pydantic import Field

from ticketing.domain.instalments import Overdue, TicketsWith
from ticketing.domain.orders import Flag, OrderState
from ticketing.domain.payments import AttemptState
from ticketing.domain.vouchers import VoucherState
from ticketing.store.order_views import OrderView
from ticketing.store.sale import TypeForSale
from ticketing.web.answers import Asked, Id, Said
from ticketing.web.choices import EventReference
from ticketing.web.service import Service
from ticketing.web.ticket_links import ticket_path

SELECTIONS_AT_MOST, PLACES_AT_MOST = 20, 1000

# line breaks and NUL are no part of any of these, and PostgreSQL cannot keep the latter
Line = "^[^\\x00-\\x1f\\x7f]*$"


class TicketSelection(Asked):
    """So many places of one ticket type."""

    ticket_type_id: Id
    quantity: Annotated[int, Field(ge=1, le=PLACES_AT_MOST, strict=True)]


class BuyerDetails(Asked):
    """Who buys; an e-mail address or a phone number is needed, both are better."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=Line)]
    email: Annotated[str, Field(max_length=254, pattern=Line)] = ""
    phone: Annotated[str, Field(max_length=40, pattern=Line)] = ""


class OrderRequest(Asked):
    """What is to be held; the buyer can be named later, before paying."""

    event_id: EventReference
    ticket_selections: Annotated[
        list[TicketSelection], Field(min_length=1, max_length=SELECTIONS_AT_MOST)
    ]
    promo_code: Annotated[str | None, Field(max_length=64, pattern=Line)] = None
    buyer: BuyerDetails | None = None
    payment_plan: Annotated[
        str | None,
        Field(max_length=100, pattern=Line, description="One of the event's plans, by name."),
    ] = None


class PaymentPlanShown(Said):
    """A way to pay in parts: `shares` in hundredths of the total, the first part due at once."""

    name: str
    shares: list[int]
    every_days: int
    tickets: TicketsWith
    overdue: Overdue


class PartShown(Said):
    """One part of an order that is paid in several."""

    number: int
    due_at: datetime
    amount: int
    paid_at: datetime | None


class TicketType(Said):
    """A ticket type on sale: `stokTersisa` are left (null: no end), `stokPending` held, sold."""

    id: int
    name: str
    price: int
    stok_tersisa: int | None
    stok_pending: int
    sold: int
    max_per_order: int | None
    max_per_buyer: int | None


class OrderItem(Said):
    """One line of an order."""

    ticket_type_id: int
    name: str
    quantity: int
    price: int


class BuyerShown(Said):
    """Who buys."""

    name: str
    email: str
    phone: str


class PaymentShown(Said):
    """The latest attempt to pay, in the gateway's words; `paymentToken` opens Snap while it can."""

    status: AttemptState
    transaction_id: str
    payment_token: str | None
    redirect_url: str | None


class TicketOfOrder(Said):
    """A ticket on one of the places; `url` is its holder's page, `ready` says if it is printed."""

    ticket_code: str
    ticket_type: str
    url: str
    ready: bool


class VoucherOfOrder(Said):
    """A voucher of the order: `code` is null until it can be used and when it is over.

    `password` is null when the code is typed for both; `isLate` says that we are looking into it.
    """

    package: str
    state: VoucherState
    is_late: bool
    ends_at: datetime | None
    code: str | None
    password: str | None


class OrderShown(Said):
    """An order as it stands. `flags` are questions that a person at the office looks at."""

    id: int
    code: str
    event_id: int
    status: OrderState
    items: list[OrderItem]
    subtotal: int
    discount: int
    promo_code: str | None
    total: int
    refunded: int
    buyer: BuyerShown | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    payment: PaymentShown | None
    tickets: list[TicketOfOrder]
    vouchers: list[VoucherOfOrder]
    flags: list[Flag]
    parts: list[PartShown]


class OrderPlaced(OrderShown):
    """A new order, with the token that opens it and the buyer's page: kept nowhere, shown once."""

    token: str
    page_url: str


def ticket_type(offer: TypeForSale) -> TicketType:
    """A ticket type as JSON."""
    return TicketType(
        id=offer.id,
        name=offer.name,
        price=offer.price.amount,
        stok_tersisa=offer.stock.available,
        stok_pending=offer.stock.pending,
        sold=offer.stock.sold,
        max_per_order=offer.limits.per_order,
        max_per_buyer=offer.limits.per_buyer,
    )


def order_shown(view: OrderView, serving: Service, request: Request) -> OrderShown:
    """An order as JSON."""
    return OrderShown(
        id=view.id,
        code=view.code,
        event_id=view.event_id,
        status=view.state,
        items=[
            OrderItem(
                ticket_type_id=line.ticket_type_id,
                name=line.name,
                quantity=line.quantity,
                price=line.price.amount,
            )
            for line in view.lines
        ],
        subtotal=view.subtotal.amount,
        discount=view.discount.amount,
        promo_code=view.promo_code,
        total=view.total.amount,
        refunded=view.refunded.amount,
        buyer=_buyer(view),
        created_at=view.created_at,
        expires_at=view.expires_at,
        paid_at=view.paid_at,
        payment=_payment(view),
        tickets=[
            TicketOfOrder(
                ticket_code=ticket.ticket_code,
                ticket_type=ticket.ticket_type,
                url=serving.address(request, ticket_path(serving, ticket.token_id)),
                ready=ticket.is_printed,
            )
            for ticket in view.tickets
        ],
        vouchers=[
            VoucherOfOrder(
                package=voucher.package,
                state=voucher.state,
                is_late=voucher.is_late,
                ends_at=voucher.ends_at,
                code=voucher.code or None,
                password=voucher.password or None,
            )
            for voucher in view.vouchers
        ],
        flags=list(view.flags),
        parts=[
            PartShown(
                number=part.number,
                due_at=part.due_at,
                amount=part.amount.amount,
                paid_at=part.paid_at,
            )
            for part in view.parts
        ],
    )


def _buyer(view: OrderView) -> BuyerShown | None:
    if not view.buyer_name:
        return None
    return BuyerShown(name=view.buyer_name, email=view.buyer_email, phone=view.buyer_phone)


def _payment(view: OrderView) -> PaymentShown | None:
    if view.attempt is None:
        return None
    page = view.attempt if view.state is OrderState.PENDING else None
    return PaymentShown(
        status=view.attempt.state,
        transaction_id=view.attempt.transaction_id,
        payment_token=(page and page.page_token) or None,
        redirect_url=(page and page.page_url) or None,
    )
