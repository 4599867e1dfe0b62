"""`ticketing payments reconcile`: our payments compared with those of the gateway."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, print_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketing.platform.kernel.invariant import Violation

app = typer.Typer(no_args_is_help=True)

MAX_SHOWN = 20


@app.command("reconcile")
def reconcile(
    *,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Compare the totals of one day instead; changes nothing.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway about all open payments and settle them.

    A status that differs is applied as if its notification had arrived. Exit code 1 when something
    does not match.
    """
    from ticketing.reporting.reconcile_day import reconcile_day
    from ticketing.selling.payments import reconcile as service
    from ticketing.selling.payments.midtrans.client import Midtrans

    with open_application() as application:
        gateway, concurrency = application.get(Midtrans), application.settings.midtrans_concurrency
        if day is not None:
            books = reconcile_day(
                application.database, gateway, day.date(), concurrency=concurrency
            )
            mismatches = books.differences
            counts = {
                "attempts": books.attempts,
                "received": books.taken.amount,
                "receivedByGateway": books.taken_by_gateway.amount,
                "refunded": books.returned.amount,
                "refundedByGateway": books.returned_by_gateway.amount,
            } | {means: sums.money for means, sums in books.box_office.items()}
        else:
            result = service.reconcile(
                application.database, gateway, at=now(), by=actor(), concurrency=concurrency
            )
            mismatches = result.mismatches
            counts = {
                "checked": result.checked,
                "corrected": result.corrected,
                "agreed": result.agreed,
                "unused": result.unused,
            }
    if as_json:
        print_json({**counts, "mismatches": [one._asdict() for one in mismatches]})
    else:
        _print_result(counts, mismatches)
    raise typer.Exit(1 if mismatches else 0)


def _print_result(counts: dict[str, int], mismatches: "Sequence[Violation]") -> None:
    print_text(
        ", ".join(f"{name}: {count:,}" for name, count in counts.items()),
        f"mismatches: {len(mismatches):,}",
        *(f"  {one.subject}: {one.problem}" for one in mismatches[:MAX_SHOWN]),
    )
    if len(mismatches) > MAX_SHOWN:
        print_text(f"  … and {len(mismatches) - MAX_SHOWN} more; --json lists all")
