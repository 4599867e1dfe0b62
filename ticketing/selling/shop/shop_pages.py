"""The shop page of an event, on which tickets are ordered."""

from functools import partial
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ticketing.access.public_pages import pages_router
from ticketing.catalogue.payment_plans import list_offered_plans
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.catalogue.ticket_types import list_types_on_sale
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event, is_slug
from ticketing.events.queries import get_event
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Selection
from ticketing.platform.http.client_language import ClientLanguage
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.forms import FormFields
from ticketing.platform.http.pages import (
    is_rehearsal,
    page_response,
)
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.errors import TicketingError, UnknownEvent
from ticketing.selling.checkout.api_auth import BUYER_ACTOR
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.place_order_once import (
    OrderRequest,
    idempotency_from_key,
    place_order_once,
)
from ticketing.selling.shop.forms import (
    InvalidForm,
    buyer_from_form,
    form_digest,
    order_from_form,
    problem_code,
    selections_from_form,
    submitted_values,
)
from ticketing.selling.shop.html import render_event_template
from ticketing.vouchers import package_queries

MAX_MENU_QUANTITY = 100  # a longer menu helps nobody
SEE_OTHER, UNPROCESSABLE = 303, 422
REQUEST_KEY_FIELD = "request"  # hidden field that identifies one visit

router = pages_router("/events/{slug}")


def event_from_path(
    slug: Annotated[str, Path(description="The event's slug.")], services: ServicesDependency
) -> Event:
    """Return the event of the path. Raises UnknownEvent."""
    if not is_slug(slug):
        raise UnknownEvent("the path does not contain the short name of an event")
    return get_event(services.database, slug)


EventFromPath = Annotated[Event, Depends(event_from_path)]


@router.get("")
def shop(
    event: EventFromPath, services: ServicesDependency, language: ClientLanguage
) -> HTMLResponse:
    """Show the ticket types on sale and the order form, in the language that the browser asks for.

    The order has the same language.
    """
    return _render_shop(services, event, {}, language)


@router.post("", include_in_schema=False)
def order_now(
    event: EventFromPath,
    request: Request,
    services: ServicesDependency,
    fields: FormFields,
    language: ClientLanguage,
) -> Response:
    """Place the order and redirect to its page, or show the form with the problem."""
    show = partial(_render_shop, services, event, fields, language)
    try:
        placed = _place_order(services, event, fields, client_network(request), language)
    except InvalidForm as error:
        return show(problem=error.problem, status=UNPROCESSABLE)
    except TicketingError as error:
        return show(problem=problem_code(error), status=error.status)
    return RedirectResponse(f"../orders/{placed.token}", SEE_OTHER)


def _place_order(
    services: Services, event: Event, fields: dict[str, str], network: str, language: str
) -> PlacedOrder:
    form_order, buyer = order_from_form(fields, event), buyer_from_form(fields)
    request = OrderRequest(
        [Selection(each.ticket_type_id, each.quantity) for each in form_order.ticket_selections],
        parse_buyer(event, **buyer.model_dump()),
        form_order.promo_code,
        form_order.payment_plan,
        client_network=network,
        locale=language,
    )
    digest = form_digest(fields)  # the same form twice is one order, a changed one is another
    idempotency = idempotency_from_key(services.get(KeyRing), f"form {digest.hex()}", digest)
    placed, _ = place_order_once(
        services.database,
        event,
        request,
        idempotency=idempotency if fields.get(REQUEST_KEY_FIELD) else None,
        holds=services.get(HoldLimits),
        at=now(),
        by=BUYER_ACTOR,
    )
    return placed


def _render_shop(
    services: Services,
    event: Event,
    fields: dict[str, str],
    language: str,
    *,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    chosen = {one["ticketTypeId"]: one["quantity"] for one in selections_from_form(fields)}
    offers = list_types_on_sale(services.database, event, services.get(HoldLimits))
    delayed = services.database.run(package_queries.list_delayed, event.id)
    text = render_event_template(
        "event.html.j2",
        event,
        language=language,
        plans=list_offered_plans(services.database, event),
        plan=fields.get("plan", ""),
        offers=[_offer_context(offer, chosen.get(offer.id, 0)) for offer in offers],
        delayed=delayed,
        is_over=now() >= event.ends_at,
        hold_minutes=event.hold_minutes,
        values=submitted_values(fields),
        request_key=fields.get(REQUEST_KEY_FIELD) or uuid4().hex,
        problem=problem,
        wrong=problem.removeprefix("unusable_"),
        simulated=is_rehearsal(services),
    )
    return page_response(services, text, status=status)


def _offer_context(offer: TicketTypeListing, chosen: int) -> dict[str, object]:
    """Return the template values of a ticket type; `most` is the largest quantity of the menu."""
    limits = (offer.stock.available, offer.limits.per_order, offer.limits.per_buyer)
    max_quantity = min([MAX_MENU_QUANTITY, *(limit for limit in limits if limit is not None)])
    return {
        "id": offer.id,
        "name": offer.name,
        "price": offer.price,
        "left": offer.stock.available,
        "most": max_quantity,
        "chosen": min(chosen, max_quantity),
    }
