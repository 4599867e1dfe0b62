"""HTTP API of the box office: orders that an operator has been paid for."""

from typing import Annotated, Literal

from fastapi import Header
from pydantic import Field

from ticketing.access.authenticated_route import IDEMPOTENCY_HEADER, authenticated_router
from ticketing.access.authentication import Operator, actor
from ticketing.crypto.keyring import KeyRing
from ticketing.events.cache import EventCache
from ticketing.events.http_params import EventReference
from ticketing.orders.order import OrderState, Selection
from ticketing.orders.payment_attempt import PaymentMeans
from ticketing.platform.http.envelope import (
    Amount,
    Id,
    RequestModel,
    ResponseModel,
    SuccessResponse,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.selling.checkout.box_office import (
    BoxOfficeSale,
    box_office_idempotency,
    sell_at_box_office,
)
from ticketing.selling.checkout.schemas import (
    MAX_PLACES,
    MAX_SELECTIONS,
    SINGLE_LINE_PATTERN,
    BuyerDetails,
)

router = authenticated_router("/api/box-office/orders", "orders", 404, 409)

IdempotencyKeyHeader = Annotated[str | None, Header(alias=IDEMPOTENCY_HEADER)]


class BoxOfficeSelection(RequestModel):
    """A number of places of one ticket type."""

    ticket_type_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_PLACES, strict=True)]


class BoxOfficeOrderRequest(RequestModel):
    """A sale at the box office; buyers without an address get their tickets there."""

    event_id: EventReference
    ticket_selections: Annotated[
        list[BoxOfficeSelection], Field(min_length=1, max_length=MAX_SELECTIONS)
    ]
    buyer: BuyerDetails
    paid_by: Literal["cash", "transfer", "complimentary"]
    reason: Annotated[str, Field(min_length=1, max_length=255, pattern=SINGLE_LINE_PATTERN)]


class BoxOfficeOrderResponse(ResponseModel):
    """The paid order; its tickets are issued next."""

    id: int
    order_code: Annotated[str, Field(validation_alias="code")]
    state: OrderState
    total: Amount


@router.post("", status_code=201, responses=authenticated_error_responses(409))
def create(
    body: BoxOfficeOrderRequest,
    services: ServicesDependency,
    caller: Operator,
    request_key: IdempotencyKeyHeader = None,
) -> SuccessResponse[BoxOfficeOrderResponse]:
    """Sell at the box office: stock and limits apply, and the order is paid at once.

    With an `Idempotency-Key` the same request again continues an interrupted sale.
    """
    sale = BoxOfficeSale(
        [Selection(each.ticket_type_id, each.quantity) for each in body.ticket_selections],
        PaymentMeans(body.paid_by),
        body.reason,
        **body.buyer.model_dump(),
    )
    order = sell_at_box_office(
        services.database,
        services.get(EventCache).get(str(body.event_id)),
        sale,
        idempotency=box_office_idempotency(services.get(KeyRing), request_key, sale),
        at=now(),
        by=actor(caller),
    )
    return SuccessResponse(data=BoxOfficeOrderResponse.model_validate(order))
