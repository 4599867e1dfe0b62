"""HTTP API of the box office: orders that an operator has been paid for."""

from typing import Annotated, Literal

from fastapi import Header
from pydantic import Field

from ticketing.access.authenticated_route import IDEMPOTENCY_HEADER, authenticated_router
from ticketing.access.authentication import Operator
from ticketing.crypto.keyring import KeyRing
from ticketing.events.cache import EventCache
from ticketing.events.http_params import EventReference
from ticketing.orders.order import OrderState, Selection
from ticketing.orders.payment_attempt import PaymentMeans
from ticketing.platform.http.envelope import (
    Amount,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import OrderCode
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.selling.box_office.sell import (
    BoxOfficeSale,
    box_office_idempotency,
    sell_at_box_office,
)
from ticketing.selling.checkout.request_schemas import (
    MAX_SELECTIONS,
    SINGLE_LINE_PATTERN,
    BuyerDetails,
    TicketSelection,
    parse_guests,
)

router = authenticated_router("/api/box-office/orders", "orders", 404, 409)

IdempotencyKeyHeader = Annotated[str | None, Header(alias=IDEMPOTENCY_HEADER)]


class BoxOfficeOrderRequest(RequestModel):
    """A sale at the box office; buyers without an address get their tickets there."""

    model_config = with_example(
        {
            "eventId": "wisuda-2026",
            "ticketSelections": [{"ticketTypeId": 7, "quantity": 2}],
            "buyer": {"name": "Budi Santoso"},
            "paidBy": "cash",
            "reason": "receipt 118",
        }
    )

    event_id: EventReference
    ticket_selections: Annotated[
        list[TicketSelection], Field(min_length=1, max_length=MAX_SELECTIONS)
    ]
    """The ticket types and quantities to sell, and their guests: of all places, if the event
    requires names."""
    buyer: BuyerDetails
    """The buyer; an address is not needed here."""
    paid_by: Literal["cash", "transfer", "complimentary"]
    """Means of payment: `cash`, `transfer` to the organiser's account, or `complimentary`, which
    costs nothing."""
    reason: Annotated[str, Field(min_length=1, max_length=255, pattern=SINGLE_LINE_PATTERN)]
    """Why, in one line, for example the number of the receipt; it is kept in the audit log."""


class BoxOfficeOrderResponse(ResponseModel):
    """The paid order; its tickets are issued next."""

    id: int
    """The order's id, for the paths of the API."""
    order_code: Annotated[OrderCode, Field(validation_alias="code")]
    state: OrderState
    """State of the order: `paid`."""
    total: Amount
    """Amount paid in rupiah; 0 for a complimentary order."""


@router.post("", status_code=201, responses=authenticated_error_responses(409))
def create(
    body: BoxOfficeOrderRequest,
    services: ServicesDependency,
    caller: Operator,
    request_key: IdempotencyKeyHeader = None,
) -> SuccessResponse[BoxOfficeOrderResponse]:
    """Sell at the box office: stock and limits apply, and the order is paid at once.

    With an `Idempotency-Key` the same request again continues an interrupted sale. 409
    `guest_names_missing`: the event requires names, and nothing was reserved.
    """
    event = services.get(EventCache).get(str(body.event_id))
    sale = BoxOfficeSale(
        [Selection(each.ticket_type_id, each.quantity) for each in body.ticket_selections],
        PaymentMeans(body.paid_by),
        body.reason,
        **body.buyer.model_dump(),
        guests=parse_guests(event, body.ticket_selections),
    )
    order = sell_at_box_office(
        services.database,
        event,
        sale,
        idempotency=box_office_idempotency(services.get(KeyRing), request_key, sale),
        at=now(),
        by=caller.actor,
    )
    return SuccessResponse(data=BoxOfficeOrderResponse.model_validate(order))
