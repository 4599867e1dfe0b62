"""`ticketing ledger`: an event's books."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    new_table,
    open_application,
    print_json,
    stdout_console,
)
from ticketing.platform.cli.options import EventArgument

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind, LedgerTotals

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

    from ticketing.events.queries import get_event
    from ticketing.selling.ledger import queries as ledger_queries
    from ticketing.selling.ledger.csv_file import write_ledger_csv

    with open_application() as application:
        known = get_event(application.database, event)
        zone = ZoneInfo(known.time_zone)
        begins = since.replace(tzinfo=zone) if since else None
        ends = until.replace(tzinfo=zone) if until else None
        with application.database.transaction() as connection:
            entries = ledger_queries.list_for_event(connection, known.id, since=begins, until=ends)
            totals = ledger_queries.sum_by_kind(connection, known.id, since=begins, until=ends)
    if csv is not None:
        written = write_ledger_csv(csv, entries, zone=zone)
        stdout_console().print(f"{written} entries in {csv}")
    elif as_json:
        sums = {kind: asdict(one) for kind, one in totals.items()}
        print_json({"entries": [asdict(entry) for entry in entries], "totals": sums})
    else:
        _show(entries, totals, zone, limit=limit)


def _show(
    entries: "list[LedgerEntry]",
    totals: "dict[LedgerEntryKind, LedgerTotals]",
    zone: "ZoneInfo",
    *,
    limit: int,
) -> None:
    """The latest ones one by one; sums are of all."""
    from rich.markup import escape

    from ticketing.selling.ledger.model import format_signed_rupiah, sum_entries

    table = new_table("entry", "at", "order", "what", "of", show_footer=True)
    everything = sum_entries(entries)
    table.add_column("sale", format_signed_rupiah(everything.sale), justify="right")
    table.add_column("money", format_signed_rupiah(everything.money), justify="right")
    table.add_column("by")
    for entry in entries[-limit:]:
        table.add_row(
            str(entry.id),
            f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M}",
            entry.order_code,
            entry.kind,
            entry.subject if entry.subject != entry.order_code else "",
            format_signed_rupiah(entry.sale),
            format_signed_rupiah(entry.money),
            escape(entry.actor),
        )
    out = stdout_console()
    out.print(table)
    if len(entries) > limit:
        out.print(f"the latest {limit} of {len(entries)}; --limit shows more, the sums are of all")
    for kind, sums in totals.items():
        words = ", ".join(
            f"{name} {format_signed_rupiah(amount)}"
            for name, amount in (("sale", sums.sale), ("money", sums.money))
            if amount
        )
        out.print(f"  {kind:<20} {sums.entries:>6}  {words}")
    out.print("sale: what pending and paid orders are worth; money: what came in and stayed")


COMMANDS = (ledger,)
