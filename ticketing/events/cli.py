"""`ticketing events`: add, set, list."""

from datetime import datetime
from typing import Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    new_table,
    open_application,
    print_json,
    stdout_console,
)

app = typer.Typer(help="Add, change and list events.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="Lower-case letters, digits, hyphens: wisuda-2026.")]
FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
Starts = Annotated[datetime, typer.Option(formats=FORMATS, help="On the venue's own clock.")]
Ends = Annotated[
    datetime | None, typer.Option(formats=FORMATS, help="Without it, four hours after the start.")
]
Zone = Annotated[str, typer.Option("--zone", help="IANA time zone of the venue.")]
Locale = Annotated[str, typer.Option(help="Language of dates and texts on the ticket.")]
Region = Annotated[str, typer.Option(help="Country of phone numbers written without one.")]
Template = Annotated[str, typer.Option(help="Ticket template: a folder's name.")]


@app.command("add")
def add(
    slug: Slug,
    *,
    name: Annotated[str, typer.Option(help="As printed on the ticket.")],
    starts: Starts,
    venue: Annotated[str, typer.Option(help="As printed on the ticket.")],
    ends: Ends = None,
    zone: Zone = "Asia/Jakarta",
    locale: Locale = "id",
    region: Region = "ID",
    template: Template = "classic",
) -> None:
    """Add an event; the same again changes nothing."""
    from ticketing.events.model import NewEvent
    from ticketing.events.service import EventTimes, add_event

    first, last = EventTimes(starts, ends, zone).to_instants()
    with open_application() as application:
        event = add_event(
            application.database,
            NewEvent(slug, name, first, last, zone, locale, venue, region, template),
            by=actor(),
        )
    stdout_console().print(f"event {event.slug} is number {event.id}: {event.name}, {event.venue}")


@app.command("set")
def change(
    slug: Slug,
    *,
    name: str | None = None,
    starts: Annotated[datetime | None, typer.Option(formats=FORMATS)] = None,
    venue: str | None = None,
    ends: Ends = None,
    zone: Annotated[str | None, typer.Option("--zone")] = None,
    locale: str | None = None,
    region: str | None = None,
    template: str | None = None,
) -> None:
    """Change an event. Tickets keep their codes; PDFs that show the change are made again."""
    from ticketing.events.queries import get_event
    from ticketing.events.service import EventTimes, change_event

    with open_application() as application:
        known = get_event(application.database, slug)
        chosen = zone or known.time_zone
        first = EventTimes(starts, ends, chosen).to_instants()[0] if starts else None
        last = EventTimes(ends, ends, chosen).to_instants()[1] if ends else None
        event = change_event(
            application.database,
            slug,
            {"name": name, "venue": venue, "starts_at": first, "ends_at": last, "time_zone": zone,
             "locale": locale, "region": region, "template_id": template},
            by=actor(),
        )  # fmt: skip
    stdout_console().print(
        f"event {event.slug} is changed; `ticketing generate-tickets` renews its PDFs"
    )


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """List all events, the next to begin first."""
    from dataclasses import asdict

    from ticketing.events import queries as event_queries

    with open_application() as application, application.database.transaction() as connection:
        known = event_queries.list_events(connection)
    if as_json:
        print_json([asdict(event) for event in known])
        return
    from zoneinfo import ZoneInfo

    table = new_table("number", "slug", "name", "starts", "venue")
    for event in known:
        starts = event.starts_at.astimezone(ZoneInfo(event.time_zone))
        table.add_row(
            str(event.id), event.slug, event.name, f"{starts:%Y-%m-%d %H:%M %Z}", event.venue
        )
    stdout_console().print(table)
