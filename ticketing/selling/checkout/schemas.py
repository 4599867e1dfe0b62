"""Request and response schemas of orders. Amounts are whole rupiah."""

from datetime import datetime
from typing import Annotated

from fastapi import Request
from pydantic import AliasPath, BeforeValidator, Field, ValidationInfo

from ticketing.events.http_params import EventReference
from ticketing.orders.instalments import OverduePolicy, TicketReleasePolicy
from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.http.envelope import Amount, Id, RequestModel, ResponseModel
from ticketing.platform.http.services import Services
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.tickets.api_holder import ticket_path
from ticketing.vouchers.model import VoucherState

MAX_SELECTIONS, MAX_PLACES, MAX_QUESTIONS = 20, 1000, 20

# no control characters: these fields are single lines, and PostgreSQL cannot store NUL
SINGLE_LINE_PATTERN = "^[^\\x00-\\x1f\\x7f]*$"


NameText = Annotated[str, Field(min_length=1, max_length=100, pattern=SINGLE_LINE_PATTERN)]
EmailText = Annotated[str, Field(max_length=254, pattern=SINGLE_LINE_PATTERN)]
AnswerText = Annotated[str, Field(max_length=500, pattern=SINGLE_LINE_PATTERN)]


class GuestDetails(RequestModel):
    """The guest of one place: the name on the ticket. `answers` are by the event's questions."""

    name: NameText
    email: EmailText = ""
    answers: Annotated[dict[str, AnswerText], Field(max_length=MAX_QUESTIONS, default_factory=dict)]


class TicketSelection(RequestModel):
    """A quantity of places of one ticket type; `guests` in the order of the places, null: later."""

    ticket_type_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_PLACES, strict=True)]
    guests: Annotated[list[GuestDetails | None], Field(max_length=MAX_PLACES, default_factory=list)]


class PlaceGuestDetails(GuestDetails):
    """The guest of a place of an order; `number` counts from 1 within the ticket type."""

    ticket_type_id: Id
    number: Annotated[int, Field(ge=1, le=MAX_PLACES, strict=True)]


class SetGuestsRequest(RequestModel):
    """Guests of some or all places of an order."""

    guests: Annotated[list[PlaceGuestDetails], Field(min_length=1, max_length=MAX_PLACES)]


class BuyerDetails(RequestModel):
    """The buyer; an e-mail address or a phone number is needed, both are better."""

    name: NameText
    email: EmailText = ""
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
    shares: Annotated[list[int], Field(validation_alias="percentages")]
    every_days: Annotated[int, Field(validation_alias=AliasPath("interval", "days"))]
    tickets: TicketReleasePolicy
    overdue: OverduePolicy


class InstalmentResponse(ResponseModel):
    """One instalment of an order."""

    number: int
    due_at: datetime
    amount: Amount
    paid_at: datetime | None


class TicketTypeResponse(ResponseModel):
    """A ticket type on sale: `stokTersisa` left (null: unlimited), `stokPending` reserved."""

    id: int
    name: str
    price: Amount
    stok_tersisa: Annotated[int | None, Field(validation_alias=AliasPath("stock", "available"))]
    stok_pending: Annotated[int, Field(validation_alias=AliasPath("stock", "pending"))]
    sold: Annotated[int, Field(validation_alias=AliasPath("stock", "sold"))]
    max_per_order: Annotated[int | None, Field(validation_alias=AliasPath("limits", "per_order"))]
    max_per_buyer: Annotated[int | None, Field(validation_alias=AliasPath("limits", "per_buyer"))]


class PlaceGuestResponse(ResponseModel):
    """The guest of a place; `email` and `answers` as given by the buyer."""

    number: Annotated[int, Field(validation_alias=AliasPath("place", "number"))]
    name: str
    email: str
    answers: dict[str, str]


class OrderItemResponse(ResponseModel):
    """One line of an order; `guests` are those known so far."""

    ticket_type_id: int
    name: str
    quantity: int
    price: Amount
    guests: list[PlaceGuestResponse]


class BuyerResponse(ResponseModel):
    """The buyer."""

    name: str
    email: str
    phone: str


class PaymentResponse(ResponseModel):
    """The payment attempt that paid the order, else the latest one; `paymentToken` opens Snap.

    `paymentCode` is the virtual account or code that the gateway waits for, else empty.
    """

    status: Annotated[AttemptState, Field(validation_alias="state")]
    transaction_id: str
    payment_code: str
    payment_token: Annotated[str | None, Field(validation_alias="checkout_token")]
    redirect_url: Annotated[str | None, Field(validation_alias="checkout_url")]


def _ticket_url(token_id: bytes, info: ValidationInfo) -> str:
    url: str = info.context(token_id)  # type: ignore[misc]  # given by `to_order_response`
    return url


class OrderTicketResponse(ResponseModel):
    """A ticket of the order; `url` is the holder's page, `ready` means that the PDF exists."""

    ticket_code: str
    ticket_type: str
    guest_name: str
    url: Annotated[str, BeforeValidator(_ticket_url), Field(validation_alias="token_id")]
    ready: Annotated[bool, Field(validation_alias="is_printed")]


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
    status: Annotated[OrderState, Field(validation_alias="state")]
    items: Annotated[list[OrderItemResponse], Field(validation_alias="lines")]
    subtotal: Amount
    discount: Amount
    promo_code: str | None
    total: Amount
    refunded: Amount
    buyer: BuyerResponse | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    payment: Annotated[PaymentResponse | None, Field(validation_alias="attempt")]
    tickets: list[OrderTicketResponse]
    vouchers: list[OrderVoucherResponse]
    flags: list[ReviewFlag]
    parts: Annotated[list[InstalmentResponse], Field(validation_alias="instalments")]


class PlacedOrderResponse(OrderResponse):
    """A new order with its token and page; the token is not stored and is returned only once."""

    token: str
    page_url: str


def to_order_response(view: OrderView, services: Services, request: Request) -> OrderResponse:
    """Build the response for an order."""

    def ticket_url(token_id: bytes) -> str:
        return services.absolute_url(request, ticket_path(services, token_id))

    return OrderResponse.model_validate(view, context=ticket_url)
