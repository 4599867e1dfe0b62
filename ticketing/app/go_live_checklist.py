"""The checklist before an event goes live: the checks of the installation, then of the event."""

from collections.abc import Callable, Iterator
from datetime import datetime

from ticketing.app.doctor import run_checks
from ticketing.app.findings import DoctorFinding, failed, ok, warning
from ticketing.catalogue.ticket_types import list_ticket_types
from ticketing.documents.template_checker import TemplateChecker
from ticketing.events.model import Event
from ticketing.go_live.queries import RehearsalRemains
from ticketing.platform.application import Application
from ticketing.platform.db.payment_environment import PRODUCTION
from ticketing.platform.kernel.errors import TicketingError
from ticketing.selling.payments.midtrans.client import MidtransAccount


def list_findings(
    application: Application, event: Event, remains: RehearsalRemains, *, at: datetime
) -> Iterator[DoctorFinding]:
    """Return the result of every check; `remains` are those of the event's rehearsals."""
    for check in (_payments, _public_url, _template, _stock):
        yield _run(check, application, event)
    yield _dates(event, at)
    yield _rehearsal(event, remains)
    # the rehearsals of all events are not the question here
    yield from (one for one in run_checks(application) if one.subject != "rehearsals")


def _run(
    check: Callable[[Application, Event], DoctorFinding], application: Application, event: Event
) -> DoctorFinding:
    try:
        return check(application, event)
    except TicketingError as error:
        return failed(check.__name__.strip("_"), str(error), "see the message")


def _payments(application: Application, _: Event) -> DoctorFinding:
    environment = application.settings.midtrans_environment
    application.get(MidtransAccount)  # raises Misconfigured without the server key
    if environment == PRODUCTION:
        return ok("payments", "production: real money, the server key is set")
    detail = f"{environment}: no real money is received"
    return failed("payments", detail, "set MIDTRANS_ENVIRONMENT=production, restart everything")


def _public_url(application: Application, _: Event) -> DoctorFinding:
    url = application.settings.web_public_url
    if url and url.startswith("https://"):
        return ok("public address", url)
    hint = "set WEB_PUBLIC_URL to the address that buyers and Midtrans use"
    return failed("public address", f"{url} is not encrypted" if url else "unknown", hint)


def _template(application: Application, event: Event) -> DoctorFinding:
    application.get(TemplateChecker).require_usable(event)
    return ok("template", f"{event.template_id}: a sample was drawn, read and scanned")


def _stock(application: Application, event: Event) -> DoctorFinding:
    types = [one for one in list_ticket_types(application.database, event) if one.on_sale]
    if not types:
        hint = (
            f"`ticketing ticket-types create --event {event.slug}`, unless there is a roster only"
        )
        return warning("stock", "nothing is on sale", hint)
    detail = ", ".join(
        f"{one.name} {one.price}, "
        + ("unlimited" if one.stock.available is None else f"{one.stock.available:,} left")
        for one in types
    )
    return ok("stock", detail)


def _dates(event: Event, at: datetime) -> DoctorFinding:
    detail = f"{event.starts_at:%Y-%m-%d %H:%M} to {event.ends_at:%Y-%m-%d %H:%M} UTC"
    if at < event.ends_at:
        return ok("dates", detail)
    hint = f"`ticketing events update {event.slug}` changes the dates"
    return failed("dates", f"{detail}: over", hint)


def _rehearsal(event: Event, remains: RehearsalRemains) -> DoctorFinding:
    if remains.is_cleared:
        return ok("rehearsals", "nothing is left of them")
    detail = (
        f"{remains.orders:,} orders, {remains.tickets:,} tickets, {remains.vouchers:,} vouchers,"
        f" {remains.entries:,} waiting entries"
    )
    return failed("rehearsals", detail, f"`ticketing go-live --event {event.slug}`, then apply")
