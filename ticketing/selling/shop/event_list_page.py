"""The page of all events on sale."""

from fastapi.responses import HTMLResponse

from ticketing.access.public_pages import pages_router
from ticketing.catalogue.ticket_type_queries import EventOnSale, list_events_on_sale
from ticketing.platform.http.client_language import ClientLanguage
from ticketing.platform.http.pages import (
    DEFAULT_LANGUAGE,
    is_rehearsal,
    page_response,
    render_page,
)
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.platform.kernel.languages import localise
from ticketing.platform.kernel.local_dates import format_event_dates, format_event_times
from ticketing.selling.shop.html import is_open_ended

router = pages_router()


@router.get("/")
@router.get("/events")
def list_events(services: ServicesDependency, language: ClientLanguage) -> HTMLResponse:
    """Show the events on sale with date, place and price: the next one first, outlets last."""
    on_sale = services.database.run(list_events_on_sale, at=now())
    on_sale.sort(key=lambda each: is_open_ended(each.event))
    locales = {each.event.locale for each in on_sale}
    text = render_page(
        "events.html.j2",
        localise(locales.pop() if len(locales) == 1 else DEFAULT_LANGUAGE, language),
        events=[_event_context(each, language) for each in on_sale],
        simulated=is_rehearsal(services),
    )
    return page_response(services, text)


def _event_context(each: EventOnSale, language: str) -> dict[str, object]:
    """Return the template values of an event; one that lasts for years is shown without a date."""
    event = each.event
    locale = localise(event.locale, language)
    schedule = (event.starts_at, event.ends_at, event.time_zone, locale)
    dates = "" if is_open_ended(event) else format_event_dates(*schedule)
    return {
        "slug": event.slug,
        "name": event.name,
        "venue": event.venue,
        "when": f"{dates}, {format_event_times(*schedule)}" if dates else "",
        "price": each.lowest_price,
        "has_several_prices": each.has_several_prices,
    }
