"""`ticketing payment-plans`: create, list, disable."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, parse_choice
from ticketing.platform.cli.output import print_list, print_result

if TYPE_CHECKING:
    from ticketing.orders.instalments import PaymentPlan

app = typer.Typer(no_args_is_help=True)


@app.command("create")
def create_plan(
    slug: EventOption,
    *,
    name: Annotated[str, typer.Option(help="Name, as shown to buyers: 3 instalments.")],
    parts: Annotated[str, typer.Option(help="Percentages of the total: 40,30,30.")],
    every: Annotated[int, typer.Option(min=1, max=366, help="Days between instalments.")] = 30,
    last_before: Annotated[
        int, typer.Option(min=0, max=366, help="Days before the event: last due date.")
    ] = 14,
    grace: Annotated[
        int, typer.Option(min=0, max=60, help="Days that places stay held after a due date.")
    ] = 3,
    overdue: Annotated[
        str, typer.Option(help="Paid instalments of an overdue order: keep, refund or ask.")
    ] = "ask",
    tickets: Annotated[
        str, typer.Option(help="Issue tickets with which payment: all or first.")
    ] = "all",
    as_json: JsonOption = False,
) -> None:
    """Offer a payment plan. A plan never changes: disable it and create another."""
    from ticketing.catalogue.payment_plans import offer_plan
    from ticketing.orders.instalments import OverduePolicy, PaymentPlan, TicketReleasePolicy

    shares = parts.split(",")
    if not all(share.strip().isascii() and share.strip().isdecimal() for share in shares):
        raise typer.BadParameter("write percentages like 40,30,30", param_hint="--parts")
    plan = PaymentPlan(
        name=name.strip(),
        shares=tuple(map(int, shares)),
        every=timedelta(days=every),
        final_due_before=timedelta(days=last_before),
        grace=timedelta(days=grace),
        overdue=parse_choice(overdue, OverduePolicy, "--overdue"),
        tickets=parse_choice(tickets, TicketReleasePolicy, "--tickets"),
    )
    with open_event(slug) as (application, event):
        offer_plan(application.database, event, plan, by=actor())
    line = f"{event.slug}: orders can be paid by {plan.name!r} from now on."
    print_result(_to_json(plan), line, as_json=as_json)


@app.command("list")
def list_plans(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the payment plans that new orders can use."""
    from ticketing.catalogue.payment_plans import list_offered_plans

    with open_event(slug) as (application, event):
        plans = list_offered_plans(application.database, event)
    print_list(
        plans,
        {
            "plan": lambda plan: plan.name,
            "percent": lambda plan: ", ".join(map(str, plan.shares)),
            "every": lambda plan: f"{plan.every.days} days",
            "last due": lambda plan: f"{plan.final_due_before.days} days before",
            "grace": lambda plan: f"{plan.grace.days} days",
            "overdue": lambda plan: plan.overdue,
            "tickets": lambda plan: plan.tickets,
        },
        as_json=as_json,
        to_json=_to_json,
        empty=f"{event.slug} has no payment plans.",
    )


@app.command("disable")
def disable_plan(
    slug: EventOption,
    *,
    name: Annotated[str, typer.Option(help="Name of the plan.")],
    as_json: JsonOption = False,
) -> None:
    """Stop offering a payment plan; orders that use it continue."""
    from ticketing.catalogue.payment_plans import withdraw_plan

    with open_event(slug) as (application, event):
        withdraw_plan(application.database, event, name, at=now(), by=actor())
    result = {"event": event.slug, "name": name}
    print_result(result, f"{event.slug}: disabled payment plan {name!r}.", as_json=as_json)


def _to_json(plan: "PaymentPlan") -> dict[str, object]:
    return {
        "name": plan.name,
        "shares": plan.shares,
        "everyDays": plan.every.days,
        "lastBeforeDays": plan.final_due_before.days,
        "graceDays": plan.grace.days,
        "overdue": plan.overdue,
        "tickets": plan.tickets,
    }
