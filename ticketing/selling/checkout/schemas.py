"""Request and response schemas of orders. Amounts are whole rupiah."""

from datetime import datetime
from typing import Annotated

from fastapi import Request
from pydantic import Field

from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.events.http_params import EventReference
from ticketing.orders.instalments import OverduePolicy, TicketReleasePolicy
from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.http.envelope import Id, RequestModel, ResponseModel
from ticketing.platform.http.services import Services
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.tickets.links import ticket_path
from ticketing.vouchers.model import VoucherState

MAX_SELECTIONS, MAX_PLACES = 20, 1000

# no control characters: these fields are single lines, and PostgreSQL cannot store NUL
SINGLE_LINE_PATTERN = "^[^\\x00-\\x1f\\x7f]*$"


class TicketSelection(RequestModel):
    """A quantity of places of one ticket type."""

    ticket_type_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_PLACES, strict=True)]


class BuyerDetails(RequestModel):
    """The buyer; an e-mail address or a phone number is needed, both are better."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=SINGLE_LINE_PATTERN)]
    email: Annotated[str, Field(max_length=254, pattern=SINGLE_LINE_PATTERN)] = ""
    phone: Annotated[str, Field(max_length=40, pattern=SINGLE_LINE_PATTERN)] = ""


class PlaceOrderRequest(RequestModel):
    """The places to reserve; the buyer can be set later, before payment."""

    event_id: EventReference
    ticket_selections: Annotated[
        list[TicketSelection], Field(min_length=1, max_length=MAX_SELECTIONS)
    ]
    promo_code: Annotated[str | None, Field(max_length=64, pattern=SINGLE_LINE_PATTERN)] = None
    buyer: BuyerDetails | None = None
    payment_plan: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=SINGLE_LINE_PATTERN,
            description="One of the event's plans, by name.",
        ),
    ] = None


class PaymentPlanResponse(ResponseModel):
    """A payment plan: `shares` are percentages of the total; the first is due at once."""

    name: str
    shares: list[int]
    every_days: int
    tickets: TicketReleasePolicy
    overdue: OverduePolicy


class InstalmentResponse(ResponseModel):
    """One instalment of an order."""

    number: int
    due_at: datetime
    amount: int
    paid_at: datetime | None


class TicketTypeResponse(ResponseModel):
    """A ticket type on sale: `stokTersisa` left (null: unlimited), `stokPending` reserved."""

    id: int
    name: str
    price: int
    stok_tersisa: int | None
    stok_pending: int
    sold: int
    max_per_order: int | None
    max_per_buyer: int | None


class OrderItemResponse(ResponseModel):
    """One line of an order."""

    ticket_type_id: int
    name: str
    quantity: int
    price: int


class BuyerResponse(ResponseModel):
    """The buyer."""

    name: str
    email: str
    phone: str


class PaymentResponse(ResponseModel):
    """The latest payment attempt with the gateway's status; `paymentToken` opens Snap."""

    status: AttemptState
    transaction_id: str
    payment_token: str | None
    redirect_url: str | None


class OrderTicketResponse(ResponseModel):
    """A ticket of the order; `url` is the holder's page, `ready` means that the PDF exists."""

    ticket_code: str
    ticket_type: str
    url: str
    ready: bool


class OrderVoucherResponse(ResponseModel):
    """A voucher of the order; `code` is null before it can be used and after its end.

    `password` is null if it equals the code; `isLate` means that staff look into a delay.
    """

    package: str
    state: VoucherState
    is_late: bool
    ends_at: datetime | None
    code: str | None
    password: str | None


class OrderResponse(ResponseModel):
    """An order. `flags` are open questions for staff."""

    id: int
    code: str
    event_id: int
    status: OrderState
    items: list[OrderItemResponse]
    subtotal: int
    discount: int
    promo_code: str | None
    total: int
    refunded: int
    buyer: BuyerResponse | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    payment: PaymentResponse | None
    tickets: list[OrderTicketResponse]
    vouchers: list[OrderVoucherResponse]
    flags: list[ReviewFlag]
    parts: list[InstalmentResponse]


class PlacedOrderResponse(OrderResponse):
    """A new order with its token and page; the token is not stored and is returned only once."""

    token: str
    page_url: str


def to_ticket_type_response(offer: TicketTypeListing) -> TicketTypeResponse:
    """Build the response for a ticket type."""
    return TicketTypeResponse(
        id=offer.id,
        name=offer.name,
        price=offer.price.amount,
        stok_tersisa=offer.stock.available,
        stok_pending=offer.stock.pending,
        sold=offer.stock.sold,
        max_per_order=offer.limits.per_order,
        max_per_buyer=offer.limits.per_buyer,
    )


def to_order_response(view: OrderView, services: Services, request: Request) -> OrderResponse:
    """Build the response for an order."""
    return OrderResponse(
        id=view.id,
        code=view.code,
        event_id=view.event_id,
        status=view.state,
        items=[
            OrderItemResponse(
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
        buyer=_to_buyer_response(view),
        created_at=view.created_at,
        expires_at=view.expires_at,
        paid_at=view.paid_at,
        payment=_to_payment_response(view),
        tickets=[
            OrderTicketResponse(
                ticket_code=ticket.ticket_code,
                ticket_type=ticket.ticket_type,
                url=services.absolute_url(request, ticket_path(services, ticket.token_id)),
                ready=ticket.is_printed,
            )
            for ticket in view.tickets
        ],
        vouchers=[
            OrderVoucherResponse(
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
            InstalmentResponse(
                number=instalment.number,
                due_at=instalment.due_at,
                amount=instalment.amount.amount,
                paid_at=instalment.paid_at,
            )
            for instalment in view.instalments
        ],
    )


def _to_buyer_response(view: OrderView) -> BuyerResponse | None:
    if not view.buyer_name:
        return None
    return BuyerResponse(name=view.buyer_name, email=view.buyer_email, phone=view.buyer_phone)


def _to_payment_response(view: OrderView) -> PaymentResponse | None:
    if view.attempt is None:
        return None
    page = view.attempt if view.state is OrderState.PENDING else None
    return PaymentResponse(
        status=view.attempt.state,
        transaction_id=view.attempt.transaction_id,
        payment_token=(page and page.checkout_token) or None,
        redirect_url=(page and page.checkout_url) or None,
    )
