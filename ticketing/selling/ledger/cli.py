"""`ticketing ledger`: list."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.options import (
    DATE_OR_TIME_FORMATS,
    EventOption,
    JsonOption,
)
from ticketing.platform.cli.output import print_json, print_result, print_table, print_text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from ticketing.orders.payment_attempt import PaymentMeans
    from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind, LedgerTotals

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_ledger(
    slug: EventOption,
    *,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=DATE_OR_TIME_FORMATS, help="Start, in the venue's time."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=DATE_OR_TIME_FORMATS, help="End (exclusive)."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write all entries to this file instead.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows, the latest.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """List the ledger of an event: every order, payment and refund."""
    from zoneinfo import ZoneInfo

    from ticketing.platform.kernel.wall_clock import to_instant
    from ticketing.selling.ledger import queries
    from ticketing.selling.ledger.model import write_ledger_csv

    with open_event(slug) as (application, event):
        zone = ZoneInfo(event.time_zone)
        begins = to_instant(since, zone, field="from") if since else None
        ends = to_instant(until, zone, field="to") if until else None
        with application.database.transaction() as connection:
            entries = queries.list_for_event(connection, event.id, since=begins, until=ends)
            totals = queries.sum_by_kind(connection, event.id, since=begins, until=ends)
            by_means = queries.sum_money_by_means(
                connection, event_id=event.id, since=begins, until=ends
            )
    if csv is not None:
        delimiter = application.settings.csv_delimiter_character
        written = write_ledger_csv(csv, entries, zone=zone, delimiter=delimiter)
        result = {"entries": written, "csv": str(csv)}
        print_result(result, f"{written} entries in {csv}", as_json=as_json)
    elif as_json:
        print_json({"entries": entries, "totals": totals, "means": by_means})
    else:
        _print_ledger(entries, totals, by_means, zone, limit=limit)


def _print_ledger(
    entries: "list[LedgerEntry]",
    totals: "dict[LedgerEntryKind, LedgerTotals]",
    by_means: "dict[PaymentMeans, LedgerTotals]",
    zone: "ZoneInfo",
    *,
    limit: int,
) -> None:
    """Print the latest entries, and the sums of all."""
    from ticketing.selling.ledger.model import format_signed_rupiah, sum_entries

    if not entries:
        print_text("No ledger entries.")
        return
    print_table(
        entries[-limit:],
        {
            "id": lambda entry: str(entry.id),
            "at": lambda entry: entry.at,
            "order": lambda entry: entry.order_code,
            "kind": lambda entry: entry.kind,
            "subject": lambda entry: entry.subject if entry.subject != entry.order_code else "",
            "sale": lambda entry: format_signed_rupiah(entry.sale),
            "money": lambda entry: format_signed_rupiah(entry.money),
            "by": lambda entry: entry.actor,
        },
        zone=zone,
    )
    if len(entries) > limit:
        print_text(f"The latest {limit} of {len(entries)} entries; use --limit for more.")
    everything = sum_entries(entries)
    print_table(
        [*((str(kind), sums) for kind, sums in totals.items()), ("total", everything)],
        {
            "kind": lambda row: row[0],
            "entries": lambda row: row[1].entries,
            "sale": lambda row: format_signed_rupiah(row[1].sale),
            "money": lambda row: format_signed_rupiah(row[1].money),
        },
    )
    print_table(
        list(by_means.items()),
        {
            "means": lambda row: row[0],
            "entries": lambda row: row[1].entries,
            "money": lambda row: format_signed_rupiah(row[1].money),
        },
    )
    print_text("sale = value of pending and paid orders; money = received minus refunded")
