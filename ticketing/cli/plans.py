"""`ticketing sale plan`: add, list, withdraw."""

from datetime import timedelta
from typing import Annotated

import typer

from ticketing.cli.console import (
    JsonOption,
    actor,
    listing,
    now,
    open_application,
    print_json,
    screen,
)
from ticketing.domain.instalments import Overdue, TicketsWith

app = typer.Typer(help="Let orders be paid in parts.", no_args_is_help=True)

EventArgument = Annotated[str, typer.Argument(help="The event's slug or number.")]


@app.command("add")
def add_plan(
    event: EventArgument,
    *,
    name: Annotated[str, typer.Option(help="As buyers read it: 3 parts.")],
    parts: Annotated[str, typer.Option(help="Hundredths of the total: 40,30,30.")],
    every: Annotated[int, typer.Option(min=1, max=366, help="Days from part to part.")] = 30,
    last_before: Annotated[
        int, typer.Option(min=0, max=366, help="Days before the event by which the last is due.")
    ] = 14,
    grace: Annotated[
        int, typer.Option(min=0, max=60, help="Days that places stay held after a part was due.")
    ] = 3,
    overdue: Annotated[
        Overdue, typer.Option(help="What is paid of an order that ends: keep, refund, ask.")
    ] = Overdue.ASK,
    tickets: Annotated[
        TicketsWith, typer.Option(help="Tickets when all is paid, or with the first part.")
    ] = TicketsWith.LAST,
) -> None:
    """Offer a payment plan. It never changes: withdraw it and add another."""
    from ticketing.actions.payment_plans import offer_plan
    from ticketing.domain.instalments import PaymentPlan
    from ticketing.store.events import find_event

    shares = parts.split(",")
    if not all(share.strip().isascii() and share.strip().isdecimal() for share in shares):
        raise typer.BadParameter("write them like 40,30,30", param_hint="--parts")
    plan = PaymentPlan(
        name=name.strip(),
        shares=tuple(map(int, shares)),
        every=timedelta(days=every),
        last_before=timedelta(days=last_before),
        grace=timedelta(days=grace),
        overdue=overdue,
        tickets=tickets,
    )
    with open_application() as application:
        known = find_event(application.database, event)
        offer_plan(application.database, known, plan, by=actor())
    screen().print(f"{known.slug}: orders can be paid by {plan.name!r} from now on")


@app.command("list")
def list_plans(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """List the plans that new orders can follow."""
    from ticketing.actions.payment_plans import plans_offered
    from ticketing.store.events import find_event

    with open_application() as application:
        plans = plans_offered(application.database, find_event(application.database, event))
    if as_json:
        print_json(
            [
                {
                    "name": plan.name,
                    "shares": plan.shares,
                    "everyDays": plan.every.days,
                    "lastBeforeDays": plan.last_before.days,
                    "graceDays": plan.grace.days,
                    "overdue": plan.overdue,
                    "tickets": plan.tickets,
                }
                for plan in plans
            ]
        )
        return

    days = ("days between", "days before", "days of grace")
    table = listing("plan", "parts, %", *days, "overdue", "tickets")
    for plan in plans:
        shares = ", ".join(map(str, plan.shares))
        times = (plan.every, plan.last_before, plan.grace)
        table.add_row(plan.name, shares, *(str(t.days) for t in times), plan.overdue, plan.tickets)
    screen().print(table)


@app.command("withdraw")
def withdraw(
    event: EventArgument, *, name: Annotated[str, typer.Option(help="The plan's name.")]
) -> None:
    """Offer a plan no more; orders that follow it go on."""
    from ticketing.actions.payment_plans import withdraw_plan
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        withdraw_plan(application.database, known, name, at=now(), by=actor())
    screen().print(f"{known.slug}: {name!r} is offered no more")
