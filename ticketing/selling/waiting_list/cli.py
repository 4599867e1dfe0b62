"""`ticketing waiting-list`: list, offer, remove."""

from typing import Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_list, print_result

app = typer.Typer(no_args_is_help=True)

EntryArgument = Annotated[int, typer.Argument(min=1, help="Id of the entry, as in `list`.")]


@app.command("list")
def list_entries(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List who waits for places of an event, the earliest of each ticket type first."""
    from zoneinfo import ZoneInfo

    from ticketing.selling.waiting_list import queries
    from ticketing.selling.waiting_list.model import describe

    with open_event(slug) as (application, event):
        entries = application.database.run(queries.list_entries, event.id)
    print_list(
        [describe(entry) for entry in entries],
        {
            "id": lambda one: one.id,
            "ticket type": lambda one: one.ticket_type,
            "name": lambda one: one.name,
            "contact": lambda one: one.contact,
            "quantity": lambda one: one.quantity,
            "joined": lambda one: one.joined_at,
            "confirmed": lambda one: one.confirmed_at,
            "state": lambda one: one.state,
            "order": lambda one: one.order_code,
            "until": lambda one: one.offered_until,
        },
        as_json=as_json,
        zone=ZoneInfo(event.time_zone),
        empty=f"Nobody is on a waiting list of {event.slug}.",
    )


@app.command("offer")
def offer_to_entry(entry_id: EntryArgument, *, as_json: JsonOption = False) -> None:
    """Offer places to an entry now, before all others, confirmed or not; it needs free places."""
    from ticketing.selling.waiting_list import offer_places

    with open_application() as application:
        order = offer_places.offer_to_entry(application.database, entry_id, at=now(), by=actor())
    result = {"entry": entry_id, "order": order.code, "until": order.expires_at}
    print_result(
        result, f"Offered to entry {entry_id}: order {order.code}, {order.state}.", as_json=as_json
    )


@app.command("remove")
def remove_entry(
    entry_id: EntryArgument,
    *,
    reason: Annotated[str, typer.Option(help="Reason, for the audit log.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take an entry off the list; an offer that is still open is cancelled."""
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.waiting_list import join_list

    with open_application() as application:
        gateway = application.get(Midtrans)
        entry = join_list.remove_entry(
            application.database, gateway, entry_id, reason=reason, at=now(), by=actor()
        )
    result = {"entry": entry_id, "state": entry.state}
    print_result(result, f"Entry {entry_id} is {entry.state}.", as_json=as_json)
