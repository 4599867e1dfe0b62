"""The page of an event, where its tickets are ordered."""

from datetime import timedelta
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ticketing.actions.buyers import buyer_for
from ticketing.actions.order_access import on_sale
from ticketing.actions.payment_plans import plans_offered
from ticketing.actions.place_order import PlacedOrder
from ticketing.actions.take_order import Wanted, once_under, take_order
from ticketing.documents.shop_pages import event_page
from ticketing.domain.errors import TicketingError, UnknownEvent
from ticketing.domain.events import Event, is_slug
from ticketing.domain.orders import HOLD, Selection
from ticketing.signing.keys import KeyRing
from ticketing.store.events import find_event
from ticketing.store.sale import TypeForSale
from ticketing.web.auth import rationed
from ticketing.web.order_doors import BY
from ticketing.web.pages import DOCUMENTED, PageRoute, is_rehearsal, page
from ticketing.web.service import Service, Serving, now
from ticketing.web.shop_forms import (
    Fields,
    UnusableForm,
    buyer_in,
    digest_of,
    order_in,
    places_in,
    problem_of,
    typed,
)

MENU_AT_MOST = 10
MINUTE = timedelta(minutes=1)
SEE_OTHER, UNPROCESSABLE = 303, 422
REQUEST = "request"  # the hidden field that tells one visit from another

router = APIRouter(
    prefix="/events/{slug}",
    tags=["pages"],
    route_class=PageRoute,
    default_response_class=HTMLResponse,
    dependencies=[Depends(rationed)],
    responses=DOCUMENTED,
)


def event_named(slug: str, serving: Serving) -> Event:
    """The event of the path. Raises UnknownEvent."""
    if not is_slug(slug):
        raise UnknownEvent("no event has this address")
    return find_event(serving.database, slug)


EventOfPath = Annotated[Event, Depends(event_named)]


@router.get("")
def shop(event: EventOfPath, serving: Serving) -> HTMLResponse:
    """What is on sale for an event, and the form to order it."""
    return _shown(serving, event, {})


@router.post("", include_in_schema=False)
def order_now(event: EventOfPath, serving: Serving, fields: Fields) -> Response:
    """Place the order and lead to its page, or show the form again with what is wrong."""
    try:
        placed = _placed(serving, event, fields)
    except UnusableForm as error:
        return _shown(serving, event, fields, problem=error.problem, status=UNPROCESSABLE)
    except TicketingError as error:
        return _shown(serving, event, fields, problem=problem_of(error), status=error.status)
    return RedirectResponse(f"../orders/{placed.token}", SEE_OTHER)


def _placed(serving: Service, event: Event, fields: dict[str, str]) -> PlacedOrder:
    asked, who = order_in(fields, event), buyer_in(fields)
    wanted = Wanted(
        [Selection(each.ticket_type_id, each.quantity) for each in asked.ticket_selections],
        buyer_for(event, **who.model_dump()),
        asked.promo_code,
        asked.payment_plan,
    )
    digest = digest_of(fields)  # sent twice it is one order, changed it is another
    once = once_under(serving.get(KeyRing), f"form {digest.hex()}", digest)
    placed, _ = take_order(
        serving.database, event, wanted, once=once if fields.get(REQUEST) else None, at=now(), by=BY
    )
    return placed


def _shown(
    serving: Service,
    event: Event,
    fields: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    chosen = {one["ticketTypeId"]: one["quantity"] for one in places_in(fields)}
    offers = on_sale(serving.database, event)
    text = event_page(
        event,
        plans=plans_offered(serving.database, event),
        plan=fields.get("plan", ""),
        offers=[_offered(offer, chosen.get(offer.id, 0)) for offer in offers],
        is_over=now() >= event.ends_at,
        hold_minutes=HOLD // MINUTE,
        values=typed(fields),
        request_key=fields.get(REQUEST) or uuid4().hex,
        problem=problem,
        wrong=problem.removeprefix("unusable_"),
        rehearsal=is_rehearsal(serving),
    )
    return page(serving, text, status=status)


def _offered(offer: TypeForSale, chosen: int) -> dict[str, object]:
    """An offer as the page shows it; `most` is how many the menu goes up to."""
    limits = (offer.stock.available, offer.limits.per_order, offer.limits.per_buyer)
    most = min([MENU_AT_MOST, *(limit for limit in limits if limit is not None)])
    return {
        "id": offer.id,
        "name": offer.name,
        "price": offer.price,
        "left": offer.stock.available,
        "most": most,
        "chosen": min(chosen, most),
    }
