"""`ticketing ledger`: an event's books."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import JsonOption, listing, open_application, print_json, screen
from ticketing.cli.sale import EventArgument

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ticketing.domain.ledger import Entry, EntryKind, Sums

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


def ledger(
    event: EventArgument,
    *,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="On the venue's own clock.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=FORMATS, help="Until before that moment.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write them into this file instead.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, the latest.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """Show an event's books: every order and every rupiah that came or went."""
    from dataclasses import asdict
    from zoneinfo import ZoneInfo

    from ticketing.gateways.ledger_file import write_ledger
    from ticketing.store import ledger as books
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        zone = ZoneInfo(known.time_zone)
        begins = since.replace(tzinfo=zone) if since else None
        ends = until.replace(tzinfo=zone) if until else None
        with application.database.transaction() as connection:
            entries = books.of_event(connection, known.id, since=begins, until=ends)
            totals = books.totals(connection, known.id, since=begins, until=ends)
    if csv is not None:
        written = write_ledger(csv, entries, zone=zone)
        screen().print(f"{written} entries in {csv}")
    elif as_json:
        sums = {kind: asdict(one) for kind, one in totals.items()}
        print_json({"entries": [asdict(entry) for entry in entries], "totals": sums})
    else:
        _show(entries, totals, zone, limit=limit)


def _show(
    entries: "list[Entry]", totals: "dict[EntryKind, Sums]", zone: "ZoneInfo", *, limit: int
) -> None:
    """The latest ones one by one; sums are of all."""
    from rich.markup import escape

    from ticketing.domain.ledger import signed, sums_of

    table = listing("entry", "at", "order", "what", "of", show_footer=True)
    everything = sums_of(entries)
    table.add_column("sale", signed(everything.sale), justify="right")
    table.add_column("money", signed(everything.money), justify="right")
    table.add_column("by")
    for entry in entries[-limit:]:
        table.add_row(
            str(entry.id),
            f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M}",
            entry.order_code,
            entry.kind,
            entry.subject if entry.subject != entry.order_code else "",
            signed(entry.sale),
            signed(entry.money),
            escape(entry.actor),
        )
    out = screen()
    out.print(table)
    if len(entries) > limit:
        out.print(f"the latest {limit} of {len(entries)}; --limit shows more, the sums are of all")
    for kind, sums in totals.items():
        words = ", ".join(
            f"{name} {signed(amount)}"
            for name, amount in (("sale", sums.sale), ("money", sums.money))
            if amount
        )
        out.print(f"  {kind:<20} {sums.entries:>6}  {words}")
    out.print("sale: what pending and paid orders are worth; money: what came in and stayed")


COMMANDS = (ledger,)
