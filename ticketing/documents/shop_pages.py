"""The buyer's pages, from `templates/order/`: an event to buy tickets for, and an order.

Words are Indonesian or English, as the event is. Nothing is loaded from elsewhere: the one script
stands in the page, and the policy sent along names its digest.
"""

import functools
from datetime import timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ticketing.documents import own_script
from ticketing.documents.dates import locale_named, spoken_date, spoken_instant, spoken_time
from ticketing.domain.events import Event

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
OTHERWISE = "en"
ALWAYS = timedelta(days=3 * 365)  # what lasts for years, a hotspot's outlet, has no date to come on


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES / "order", TEMPLATES / "holder"]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


@functools.cache
def _script() -> str:
    return (TEMPLATES / "order" / "shop.js").read_text(encoding="utf-8")


def policy(gateway: str) -> str:
    """The content security policy of these pages, whose forms may lead to the gateway."""
    return (
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:;"
        f" style-src 'unsafe-inline'; script-src {own_script.source(_script())};"
        f" connect-src 'self'; form-action 'self' {gateway}"
    )


def event_page(event: Event, **shown: object) -> str:
    """Where tickets of an event are bought."""
    return _page("event.html.j2", event, **shown)


def order_page(event: Event, **shown: object) -> str:
    """An order, for whoever has its address."""
    return _page("order.html.j2", event, **shown)


def notice_page(what: str) -> str:
    """A page for an address that leads nowhere, in English: whose it is is not known."""
    return _rendered("notice.html.j2", OTHERWISE, what=what, rehearsal=False)


def _page(name: str, event: Event, **shown: object) -> str:
    clock = (event.starts_at, event.ends_at, event.time_zone, event.locale)
    return _rendered(
        name,
        event.locale,
        event=event,
        eventDate=spoken_date(*clock),
        eventTime=spoken_time(*clock),
        isAlways=event.ends_at - event.starts_at >= ALWAYS,
        instant=lambda at: spoken_instant(at, event.time_zone, event.locale),
        **shown,
    )


def _rendered(name: str, locale_name: str, **shown: object) -> str:
    environment = _environment()
    locale = locale_named(locale_name)
    words = vars(environment.get_template("words.j2").module)
    spoken_in = locale.language if locale.language in words["spoken"] else OTHERWISE
    return environment.get_template(name).render(
        word=words["spoken"][spoken_in],
        told=words["said"][spoken_in],
        languageTag=spoken_in,
        script=Markup(_script()),  # noqa: S704 - our own file
        **shown,
    )
