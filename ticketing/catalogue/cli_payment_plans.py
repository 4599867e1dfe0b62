"""`ticketing sale plan`: add, list, withdraw."""

from datetime import timedelta
from typing import Annotated

import typer

from ticketing.orders.instalments import OverduePolicy, TicketReleasePolicy
from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    new_table,
    now,
    open_application,
    print_json,
    stdout_console,
)
from ticketing.platform.cli.options import EventArgument

app = typer.Typer(help="Let orders be paid in parts.", no_args_is_help=True)


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
        OverduePolicy, typer.Option(help="What is paid of an order that ends: keep, refund, ask.")
    ] = OverduePolicy.ASK,
    tickets: Annotated[
        TicketReleasePolicy, typer.Option(help="Tickets when all is paid, or with the first part.")
    ] = TicketReleasePolicy.FULL_PAYMENT,
) -> None:
    """Offer a payment plan. It never changes: withdraw it and add another."""
    from ticketing.catalogue.payment_plans import offer_plan
    from ticketing.events.queries import get_event
    from ticketing.orders.instalments import PaymentPlan

    shares = parts.split(",")
    if not all(share.strip().isascii() and share.strip().isdecimal() for share in shares):
        raise typer.BadParameter("write them like 40,30,30", param_hint="--parts")
    plan = PaymentPlan(
        name=name.strip(),
        shares=tuple(map(int, shares)),
        every=timedelta(days=every),
        final_due_before=timedelta(days=last_before),
        grace=timedelta(days=grace),
        overdue=overdue,
        tickets=tickets,
    )
    with open_application() as application:
        known = get_event(application.database, event)
        offer_plan(application.database, known, plan, by=actor())
    stdout_console().print(f"{known.slug}: orders can be paid by {plan.name!r} from now on")


@app.command("list")
def list_plans(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """List the plans that new orders can follow."""
    from ticketing.catalogue.payment_plans import list_offered_plans
    from ticketing.events.queries import get_event

    with open_application() as application:
        plans = list_offered_plans(application.database, get_event(application.database, event))
    if as_json:
        print_json(
            [
                {
                    "name": plan.name,
                    "shares": plan.shares,
                    "everyDays": plan.every.days,
                    "lastBeforeDays": plan.final_due_before.days,
                    "graceDays": plan.grace.days,
                    "overdue": plan.overdue,
                    "tickets": plan.tickets,
                }
                for plan in plans
            ]
        )
        return

    days = ("days between", "days before", "days of grace")
    table = new_table("plan", "parts, %", *days, "overdue", "tickets")
    for plan in plans:
        shares = ", ".join(map(str, plan.shares))
        times = (plan.every, plan.final_due_before, plan.grace)
        table.add_row(plan.name, shares, *(str(t.days) for t in times), plan.overdue, plan.tickets)
    stdout_console().print(table)


@app.command("withdraw")
def withdraw(
    event: EventArgument, *, name: Annotated[str, typer.Option(help="The plan's name.")]
) -> None:
    """Offer a plan no more; orders that follow it go on."""
    from ticketing.catalogue.payment_plans import withdraw_plan
    from ticketing.events.queries import get_event

    with open_application() as application:
        known = get_event(application.database, event)
        withdraw_plan(application.database, known, name, at=now(), by=actor())
    stdout_console().print(f"{known.slug}: {name!r} is offered no more")
