"""`ticketing guests`: possible duplicates, and changes of single guests."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_list, print_result, print_text

if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.application import Application

app = typer.Typer(no_args_is_help=True)

GuestArgument = Annotated[
    str, typer.Argument(help="External id, key such as id:7, e-mail, phone or guest number.")
]


@app.command("duplicates")
def list_duplicates(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List guests who may be the same person as another guest; they get no ticket until then."""
    from ticketing.roster.guests import guest_queries

    with open_event(slug) as (application, event):
        found = application.database.run(guest_queries.list_possible_duplicates, event.id)
    print_list(
        found,
        {
            "guest": lambda one: one.guest,
            "name": lambda one: one.name,
            "e-mail": lambda one: one.email,
            "phone": lambda one: one.phone,
            "may be": lambda one: one.other,
            "with ticket": lambda one: one.other_ticket,
        },
        as_json=as_json,
        empty="No guest is on hold as a possible duplicate.",
    )
    if found and not as_json:
        print_text(
            f"Two people: ticketing guests confirm GUEST --event {event.slug}",
            f"One person: ticketing guests merge KEEP DROP --event {event.slug}",
        )


@app.command("confirm")
def confirm(
    guests: Annotated[list[str], typer.Argument(help="Guests on hold.", metavar="GUEST...")],
    slug: EventOption,
    *,
    as_json: JsonOption = False,
) -> None:
    """Confirm that possible duplicates are people of their own; they may get a ticket now."""
    from ticketing.roster.guests.duplicates import confirm_guests

    with open_event(slug) as (application, event):
        keys = confirm_guests(application.database, event, guests, by=actor(), at=now())
    print_result(
        {"confirmed": keys}, *(f"{key} is a person of its own." for key in keys), as_json=as_json
    )


@app.command("merge")
def merge(
    keep: GuestArgument,
    drop: Annotated[str, typer.Argument(help="The guest that is the same person.")],
    slug: EventOption,
    *,
    as_json: JsonOption = False,
) -> None:
    """Merge two guests who are one person. KEEP keeps its id and data; one ticket is left.

    If both have a live ticket, that of DROP is revoked; if only DROP has one, KEEP gets it with the
    same code. Rows of later files that have the id of DROP are rejected.
    """
    from ticketing.roster.guests.duplicates import merge_guests

    with open_event(slug) as (application, event):
        result = merge_guests(application.database, event, keep, drop, by=actor(), at=now())
        problem = _render(application, event, result.guest_id)
    print_result(
        result,
        f"{result.dropped} is merged into {result.kept}.",
        f"Live ticket: {result.ticket or 'none'}; revoked: {result.revoked or 'none'}.",
        *problem,
        as_json=as_json,
    )


@app.command("update")
def update(  # noqa: PLR0913 - one parameter per option
    guest: GuestArgument,
    slug: EventOption,
    *,
    name: Annotated[str | None, typer.Option(help="Full name.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail; '' clears it.")] = None,
    phone: Annotated[str | None, typer.Option(help="Phone number; '' clears it.")] = None,
    seat: Annotated[str | None, typer.Option(help="Seat; '' clears it.")] = None,
    ticket_type: Annotated[
        str | None, typer.Option("--type", help="Name of a ticket type of the event.")
    ] = None,
    locale: Annotated[
        str | None, typer.Option(help="Language of the ticket; '' is that of the event.")
    ] = None,
    sales_channel: Annotated[str | None, typer.Option(help="Sales channel; '' clears it.")] = None,
    test_mode: Annotated[str | None, typer.Option(help="test or live.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Change one guest. The ticket keeps its code, and its PDF is rendered again."""
    from ticketing.roster.guests.edit_guest import EDITABLE_FIELDS, edit_guest

    options = (name, email, phone, seat, ticket_type, locale, sales_channel, test_mode)
    given = zip(EDITABLE_FIELDS, options, strict=True)
    values = {field: value for field, value in given if value is not None}
    with open_event(slug) as (application, event):
        result = edit_guest(application.database, event, guest, values, by=actor(), at=now())
        problem = _render(application, event, result.guest_id)
    lines = [f"{field}: {old!r} -> {new!r}" for field, (old, new) in result.changes.items()]
    print_result(result, *(lines or ["Nothing changed."]), *problem, as_json=as_json)


def _render(application: "Application", event: "Event", guest_id: int) -> list[str]:
    """Render the stale PDFs of a guest; return what failed."""
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.tickets.rendering.render import render_tickets

    done = render_tickets(
        application.database, event, renderer=application.get(Renderer),
        folder=application.get(DocumentFolder), at=now(), guest_ids=[guest_id],
    )  # fmt: skip
    return [f"PDF failed: {failure.message}" for failure in done.failed]
