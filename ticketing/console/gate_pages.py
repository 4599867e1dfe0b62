"""The gates of an event: pair a phone by a QR code, shut one out, see who has entered."""

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from markupsafe import Markup

from ticketing.access.authentication import Operator, Viewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.checkin import count_queries, scan_queries
from ticketing.checkin.model import UnusableCheckIn
from ticketing.checkin.pairing import DEFAULT_HOURS, create_pairing, list_gates, revoke_gate
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, PageDependency, redirect
from ticketing.documents.qr_image import QrImageOptions, qr_svg
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import EventInPath
from ticketing.platform.http.services import now

CONFLICTS = 30
QR = QrImageOptions(size=260)

router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)


@router.get("/{event}/gates")
def show_gates(
    event: EventInPath, page: PageDependency, caller: Viewer,
) -> Response:  # fmt: skip
    """Return the gates of an event, the counts of its lists, and conflicts."""
    known = get_event(page.services.database, event)
    with page.services.database.transaction() as connection:
        counts = count_queries.count_by_list(connection, known.id)
        conflicts = scan_queries.list_conflicts(connection, known.id, limit=CONFLICTS)
    return page.render(
        "gates.html.j2", caller, event=known, counts=counts,
        conflicts=conflicts, gates=list_gates(page.services.database, known), hours=DEFAULT_HOURS,
        at=now(),
    )  # fmt: skip


@router.post("/{event}/gates/pair")
async def pair(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm,
) -> Response:  # fmt: skip
    """Return the code for one phone, once, as a QR code to be read by its camera."""
    known = await run_in_threadpool(get_event, page.services.database, event)
    hours = fields.get("hours", "")
    if not hours.isdecimal():
        raise UnusableCheckIn(f"hours: {hours!r} is no whole number")
    pairing = await run_in_threadpool(
        create_pairing, page.services.database, known, fields.get("name", ""),
        hours=int(hours), by=caller.actor, at=now(),
    )  # fmt: skip
    url = page.services.absolute_url(page.request, f"/gate/#pair={pairing.code}")
    return page.render(
        "pairing.html.j2", caller, event=known, pairing=pairing, url=url,
        qr=Markup(qr_svg(url, QR)),  # noqa: S704 - drawn by ourselves
    )  # fmt: skip


@router.post("/{event}/gates/shut-out")
async def shut_out(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Shut out a gate."""
    known = await run_in_threadpool(get_event, page.services.database, event)
    await run_in_threadpool(
        revoke_gate, page.services.database, known, fields.get("name", ""), by=caller.actor
    )
    return redirect(f"{PATH}/events/{known.slug}/gates")
