"""Response schemas of orders. Amounts are whole rupiah."""

from datetime import datetime
from typing import Annotated

from fastapi import Request
from pydantic import AliasPath, BeforeValidator, Field, ValidationInfo

from ticketing.orders.instalments import OverduePolicy, TicketReleasePolicy
from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.http.envelope import Amount, ResponseModel
from ticketing.platform.http.fields import (
    EventId,
    OrderCode,
    OrderPageUrl,
    OrderToken,
    TicketCode,
    TicketTypeName,
)
from ticketing.platform.http.services import Services
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.tickets.api_holder import ticket_path
from ticketing.vouchers.model import VoucherState


class PaymentPlanResponse(ResponseModel):
    """A payment plan: `shares` are percentages of the total; the first is due at once."""

    name: str
    """Name of the plan, for `paymentPlan` of an order."""
    shares: Annotated[list[int], Field(validation_alias="percentages")]
    """Percentage of the total of each instalment, in order; they add up to 100."""
    every_days: Annotated[int, Field(validation_alias=AliasPath("interval", "days"))]
    """Days between two instalments."""
    tickets: TicketReleasePolicy
    """`all` issues the tickets after the last instalment, `first` after the first one."""
    overdue: OverduePolicy
    """What happens to paid instalments of an order that ends unpaid: `keep`, `refund`, or `ask`
    staff."""


class InstalmentResponse(ResponseModel):
    """One instalment of an order."""

    number: int
    """The instalment, counted from 1."""
    due_at: datetime
    """When it has to be paid, ISO 8601 in UTC."""
    amount: Amount
    """The amount in rupiah."""
    paid_at: datetime | None
    """When it was paid, ISO 8601 in UTC; null until then."""


class TicketTypeResponse(ResponseModel):
    """A ticket type on sale: `stokTersisa` left (null: unlimited), `stokPending` reserved."""

    id: int
    """The ticket type's id, for `ticketTypeId` of an order."""
    name: str
    """Name of the ticket type, for example VIP."""
    price: Amount
    """Price of one place in rupiah."""
    stok_tersisa: Annotated[int | None, Field(validation_alias=AliasPath("stock", "available"))]
    """Number of places left; null for an unlimited ticket type."""
    stok_pending: Annotated[int, Field(validation_alias=AliasPath("stock", "pending"))]
    """Number of places reserved by unpaid orders."""
    sold: Annotated[int, Field(validation_alias=AliasPath("stock", "sold"))]
    """Number of places of paid orders."""
    max_per_order: Annotated[int | None, Field(validation_alias=AliasPath("limits", "per_order"))]
    """Greatest number of places in one order; null for no limit."""
    max_per_buyer: Annotated[int | None, Field(validation_alias=AliasPath("limits", "per_buyer"))]
    """Greatest number of places of one buyer in all orders; null for no limit."""


class PlaceGuestResponse(ResponseModel):
    """The guest of a place; `email` and `answers` as given by the buyer."""

    number: Annotated[int, Field(validation_alias=AliasPath("place", "number"))]
    """The place within its ticket type, counted from 1."""
    name: str
    """The name on the ticket."""
    email: str
    """The guest's e-mail address; empty without one."""
    answers: dict[str, str]
    """Answers by question."""


class OrderItemResponse(ResponseModel):
    """One line of an order; `guests` are those known so far."""

    ticket_type_id: int
    """The ticket type's id."""
    name: str
    """Name of the ticket type."""
    quantity: int
    """Number of ordered places."""
    price: Amount
    """Price of one place in rupiah, as it was when the order was placed."""
    guests: list[PlaceGuestResponse]
    """The guests named so far."""


class BuyerResponse(ResponseModel):
    """The buyer."""

    name: str
    """The buyer's name."""
    email: str
    """The buyer's e-mail address; empty without one."""
    phone: str
    """The buyer's phone number with country code; empty without one."""


class PaymentResponse(ResponseModel):
    """The payment attempt that paid the order, else the latest one; `paymentToken` opens Snap.

    `paymentCode` is the virtual account or code that the gateway waits for, else empty.
    """

    status: Annotated[AttemptState, Field(validation_alias="state")]
    """State of the attempt in the gateway's words; `created` before it answered. Paid are `capture`
    and `settlement`."""
    transaction_id: str
    """The id of the payment at the gateway; empty until the gateway reported one."""
    payment_code: str
    """Number of the virtual account, or code, that the gateway waits for; empty without one."""
    payment_token: Annotated[str | None, Field(validation_alias="checkout_token")]
    """Token for Snap's script; null without a session to pay in."""
    redirect_url: Annotated[str | None, Field(validation_alias="checkout_url")]
    """Address of the gateway's page to pay on; null without a session to pay in."""


def _ticket_url(token_id: bytes, info: ValidationInfo) -> str:
    url: str = info.context(token_id)  # type: ignore[misc]  # given by `to_order_response`
    return url


class OrderTicketResponse(ResponseModel):
    """A ticket of the order; `url` is the holder's page, `ready` means that the PDF exists."""

    ticket_code: TicketCode
    ticket_type: TicketTypeName
    guest_name: str
    """The name on the ticket."""
    url: Annotated[str, BeforeValidator(_ticket_url), Field(validation_alias="token_id")]
    """Address of the holder's page; it is a secret."""
    ready: Annotated[bool, Field(validation_alias="is_printed")]
    """Whether the PDF exists."""


class OrderVoucherResponse(ResponseModel):
    """A voucher of the order; `code` is null before it can be used and after its end.

    `password` is null if it equals the code; `isLate` means that staff look into a delay.
    """

    package: str
    """Name of the voucher package."""
    state: VoucherState
    """`active` can be used; `pending` and `provisioning` are on their way to the router; `revoking`
    and `removed` have ended."""
    is_late: bool
    """Whether automatic retries have ended and staff look into it."""
    ends_at: datetime | None
    """When it stops working, ISO 8601 in UTC; null if that depends on its first use, or never."""
    code: str | None
    """Name to log in with; null before the voucher can be used and after its end."""
    password: str | None
    """Password to log in with; null if it equals the code."""


class OrderResponse(ResponseModel):
    """An order. `flags` are open questions for staff."""

    id: int
    """The order's id, for the paths of the API."""
    code: OrderCode
    event_id: EventId
    status: Annotated[OrderState, Field(validation_alias="state")]
    """`pending` holds its places until `expiresAt`, `paid` owns them; `cancelled` and `expired`
    released them."""
    items: Annotated[list[OrderItemResponse], Field(validation_alias="lines")]
    """One line for each ordered ticket type."""
    subtotal: Amount
    """Sum of all places in rupiah, before the discount."""
    discount: Amount
    """Discount of the promo code in rupiah; 0 without one."""
    promo_code: str | None
    """The promo code used; null for none."""
    total: Amount
    """Amount to be paid in rupiah."""
    refunded: Amount
    """Amount refunded so far in rupiah."""
    buyer: BuyerResponse | None
    """The buyer; null until they are set."""
    created_at: datetime
    """When the order was placed, ISO 8601 in UTC."""
    expires_at: datetime
    """When an unpaid order ends, ISO 8601 in UTC."""
    paid_at: datetime | None
    """When the order was paid, ISO 8601 in UTC; null until then."""
    payment: Annotated[PaymentResponse | None, Field(validation_alias="attempt")]
    """The attempt that paid the order, else the latest one; null before the first one."""
    tickets: list[OrderTicketResponse]
    """The issued tickets; empty until the order is paid and they are issued."""
    vouchers: list[OrderVoucherResponse]
    """The vouchers of ordered packages; empty until they are allocated after the payment."""
    flags: list[ReviewFlag]
    """Questions that staff have to answer before the order goes on; empty for none."""
    parts: Annotated[list[InstalmentResponse], Field(validation_alias="instalments")]
    """The instalments of a payment plan; empty for an order paid at once."""


class PlacedOrderResponse(OrderResponse):
    """A new order with its token and page; the token is not stored and is returned only once."""

    token: OrderToken
    page_url: OrderPageUrl


def to_order_response(view: OrderView, services: Services, request: Request) -> OrderResponse:
    """Build the response for an order."""

    def ticket_url(token_id: bytes) -> str:
        return services.absolute_url(request, ticket_path(services, token_id))

    return OrderResponse.model_validate(view, context=ticket_url)
