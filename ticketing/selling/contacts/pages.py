"""Forms of contacts: a corrected contact on the page of an order, and orders again in the shop."""

from collections.abc import Callable

from fastapi import Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ticketing.access.public_pages import pages_router
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.holds import HoldLimits
from ticketing.platform.http.client_language import ClientLanguage
from ticketing.platform.http.forms import FormFields
from ticketing.platform.http.pages import is_rehearsal, page_response
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.platform.kernel.errors import TicketingError
from ticketing.selling.checkout.api_auth import BUYER_ACTOR, refuse_link
from ticketing.selling.contacts.confirm_contact import confirm_contact, request_contact_code
from ticketing.selling.contacts.send_order_links import request_order_links
from ticketing.selling.shop.forms import problem_code
from ticketing.selling.shop.html import render_event_template
from ticketing.selling.shop.order_pages import SEE_OTHER, OrderFromPath, order_page_url
from ticketing.selling.shop.shop_pages import EventFromPath

order_router = pages_router("/orders/{token}", limits_addresses=False)
shop_router = pages_router("/events/{slug}/orders")


@order_router.post("/contact", include_in_schema=False)
async def send_code(
    token: str, order: OrderFromPath, services: ServicesDependency, fields: FormFields
) -> Response:
    """Send a code to the new contact, then show the order with the field for it."""

    def send() -> None:
        refuse_link(token)
        request_contact_code(services.database, order.id, fields.get("contact", ""), at=now())

    return await _run_and_redirect(token, send, done="code_sent", failed="")


@order_router.post("/contact-code", include_in_schema=False)
async def confirm(
    token: str, order: OrderFromPath, services: ServicesDependency, fields: FormFields
) -> Response:
    """Correct the contact by the code, then show the order."""

    def save() -> None:
        refuse_link(token)
        code, keys = fields.get("code", ""), services.get(KeyRing)
        confirm_contact(
            services.database, keys, order.id, code, holds=services.get(HoldLimits),
            at=now(), by=BUYER_ACTOR,
        )  # fmt: skip

    return await _run_and_redirect(token, save, done="contact_corrected", failed="code_sent")


async def _run_and_redirect(
    token: str, action: Callable[[], None], *, done: str, failed: str
) -> Response:
    """Redirect to the form on the order's page with the news that is named, or the problem."""
    try:
        await run_gateway_call(action)
        location = order_page_url(token, news=done)
    except TicketingError as error:
        location = order_page_url(token, problem=problem_code(error), news=failed)
    return RedirectResponse(f"{location}#contact", SEE_OTHER)


@shop_router.get("")
def ask(
    event: EventFromPath, services: ServicesDependency, language: ClientLanguage
) -> HTMLResponse:
    """Show the form that sends a contact its orders again."""
    return _render_form(services, event, language)


@shop_router.post("", include_in_schema=False)
def send_links(
    event: EventFromPath,
    services: ServicesDependency,
    fields: FormFields,
    language: ClientLanguage,
) -> HTMLResponse:
    """Send a contact its orders, and show the same page whether it has any or not."""
    contact = fields.get("contact", "")
    try:
        request_order_links(services.database, event, contact, at=now())
    except TicketingError as error:
        problem = problem_code(error)
        return _render_form(
            services, event, language, contact, problem=problem, status=error.status
        )
    return _render_form(services, event, language, is_sent=True)


def _render_form(
    services: Services,
    event: Event,
    language: str,
    contact: str = "",
    *,
    is_sent: bool = False,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    text = render_event_template(
        "resend.html.j2", event, language=language, contact=contact, is_sent=is_sent,
        problem=problem, simulated=is_rehearsal(services),
    )  # fmt: skip
    return page_response(services, text, status=status)
