"""What keeps sales in order, by hand: `expire-orders` and `reconcile` are scheduled, too."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import (
    EventOption,
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    screen,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketing.actions.examine import Offender

SHOWN = 20


def expire_orders(*, as_json: JsonOption = False) -> None:
    """Free the places of orders whose time is up.

    Asks the gateway first; what it is not clear about stays, and is flagged. Buyers are told of
    parts that will be due.
    """
    from dataclasses import asdict

    from ticketing.actions import expire_orders as expiring
    from ticketing.actions.remind_of_parts import remind_of_parts
    from ticketing.gateways.midtrans import Midtrans

    with open_application() as application:
        done = expiring.expire_orders(
            application.database, application.get(Midtrans), at=now(), by=actor()
        )
        reminded = remind_of_parts(application.database, at=now())
    if as_json:
        print_json(asdict(done) | {"reminded": reminded})
    else:
        screen().print(
            f"{done.expired:,} orders expired, {done.left:,} paid after all, {done.stuck:,} unclear"
        )
        if reminded:
            screen().print(f"{reminded:,} buyers are told that a part will be due")
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
    from ticketing.actions import reconcile as reconciling
    from ticketing.actions import reconcile_day as days
    from ticketing.gateways.midtrans import Midtrans

    with open_application() as application:
        if day is not None:
            books = days.reconcile_day(application.database, application.get(Midtrans), day.date())
            told = {
                "attempts": books.attempts,
                "taken": books.taken.amount,
                "takenByGateway": books.taken_by_gateway.amount,
                "returned": books.returned.amount,
                "returnedByGateway": books.returned_by_gateway.amount,
            }
            odd = books.differing
        else:
            done = reconciling.reconcile(
                application.database, application.get(Midtrans), at=now(), by=actor()
            )
            told = {
                "asked": done.asked,
                "corrected": done.corrected,
                "agreed": done.agreed,
                "unused": done.unused,
            }
            odd = done.odd
    _tell(told, odd, as_json=as_json)
    sys.exit(1 if odd else 0)


def _tell(counts: dict[str, int], odd: "Sequence[Offender]", *, as_json: bool) -> None:
    if as_json:
        print_json({**counts, "odd": [one._asdict() for one in odd]})
        return
    out = screen()
    out.print(", ".join(f"{name} {count:,}" for name, count in {**counts, "odd": len(odd)}.items()))
    for one in odd[:SHOWN]:
        out.print(f"  {one.subject}: {one.wrong}")
    if len(odd) > SHOWN:
        out.print(f"  … and {len(odd) - SHOWN} more; --json has them all")


def recount(event: EventOption) -> None:
    """Count places and promo codes anew from the orders.

    For when a check says that they differ; changes nothing else.
    """
    from ticketing.actions.recount import recount_sales
    from ticketing.store.events import find_event

    with open_application() as application:
        done = recount_sales(
            application.database, find_event(application.database, event), by=actor()
        )
    screen().print(
        f"{len(done.ticket_types)} ticket types and {len(done.promo_codes)} promo codes corrected"
    )


COMMANDS = (expire_orders, reconcile, recount)
