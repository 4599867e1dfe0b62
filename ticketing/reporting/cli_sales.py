"""What keeps sales in order, by hand: `expire-orders` and `reconcile` are scheduled, too."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    EventOption,
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    stdout_console,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketing.platform.kernel.invariant import Violation

MAX_SHOWN = 20


def expire_orders(*, as_json: JsonOption = False) -> None:
    """Free the places of orders whose time is up.

    Asks the gateway first; what it is not clear about stays, and is flagged. Buyers are told of
    parts that will be due.
    """
    from dataclasses import asdict

    from ticketing.selling.checkout import expire_orders as expire_orders_module
    from ticketing.selling.checkout.remind_instalments import enqueue_instalment_reminders
    from ticketing.selling.payments.midtrans.client import Midtrans

    with open_application() as application:
        done = expire_orders_module.expire_orders(
            application.database, application.get(Midtrans), at=now(), by=actor()
        )
        reminded = enqueue_instalment_reminders(application.database, at=now())
    if as_json:
        print_json(asdict(done) | {"reminded": reminded})
    else:
        stdout_console().print(
            f"{done.expired:,} orders expired, {done.left:,} paid after all, {done.stuck:,} unclear"
        )
        if reminded:
            stdout_console().print(f"{reminded:,} buyers are told that a part will be due")
    sys.exit(1 if done.stuck else 0)


def reconcile(
    *,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Compare one day's books with the gateway's; changes nothing.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gateway about all payments under way.

    What it knows and we do not is written down, as if its notice had come.
    """
    from ticketing.reporting import reconcile_day as reporting_reconcile_day
    from ticketing.selling.payments import reconcile as payments_reconcile
    from ticketing.selling.payments.midtrans.client import Midtrans

    with open_application() as application:
        if day is not None:
            books = reporting_reconcile_day.reconcile_day(
                application.database, application.get(Midtrans), day.date()
            )
            told = {
                "attempts": books.attempts,
                "taken": books.taken.amount,
                "takenByGateway": books.taken_by_gateway.amount,
                "returned": books.returned.amount,
                "returnedByGateway": books.returned_by_gateway.amount,
            }
            odd = books.differences
        else:
            done = payments_reconcile.reconcile(
                application.database, application.get(Midtrans), at=now(), by=actor()
            )
            told = {
                "asked": done.checked,
                "corrected": done.corrected,
                "agreed": done.agreed,
                "unused": done.unused,
            }
            odd = done.mismatches
    _print_counts(told, odd, as_json=as_json)
    sys.exit(1 if odd else 0)


def _print_counts(counts: dict[str, int], odd: "Sequence[Violation]", *, as_json: bool) -> None:
    if as_json:
        print_json({**counts, "odd": [one._asdict() for one in odd]})
        return
    out = stdout_console()
    out.print(", ".join(f"{name} {count:,}" for name, count in {**counts, "odd": len(odd)}.items()))
    for one in odd[:MAX_SHOWN]:
        out.print(f"  {one.subject}: {one.problem}")
    if len(odd) > MAX_SHOWN:
        out.print(f"  … and {len(odd) - MAX_SHOWN} more; --json has them all")


def recount(event: EventOption) -> None:
    """Count places and promo codes anew from the orders.

    For when a check says that they differ; changes nothing else.
    """
    from ticketing.catalogue.recount import recount_sales
    from ticketing.events.queries import get_event

    with open_application() as application:
        done = recount_sales(
            application.database, get_event(application.database, event), by=actor()
        )
    stdout_console().print(
        f"{len(done.ticket_types)} ticket types and {len(done.promo_codes)} promo codes corrected"
    )


COMMANDS = (expire_orders, reconcile, recount)
