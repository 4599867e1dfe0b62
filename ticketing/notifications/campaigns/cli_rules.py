"""`ticketing campaigns rules`: create, list, preview, disable."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import (
    TIME_FORMATS,
    EventOption,
    JsonOption,
    parse_choice,
)
from ticketing.platform.cli.output import format_time, print_list, print_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketing.notifications.campaigns.sending_rule import SendingRule

app = typer.Typer(no_args_is_help=True)

RuleArgument = Annotated[int, typer.Argument(min=1, help="Id of the rule, as in `list`.")]
MAX_DAYS, MAX_HOURS = 365, 24 * 365


@app.command("create")
def create_rule(
    slug: EventOption,
    *,
    days: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_DAYS, help="Days before the start, at its time of day."),
    ] = None,
    hours: Annotated[
        int | None, typer.Option(min=0, max=MAX_HOURS, help="Hours before the start.")
    ] = None,
    send_at: Annotated[
        datetime | None,
        typer.Option("--at", formats=TIME_FORMATS, help="Time, in the venue's time."),
    ] = None,
    audience: Annotated[
        str, typer.Option("--to", help="Tickets: unopened, undelivered or all.")
    ] = "unopened",
    by: Annotated[
        str, typer.Option("--by", help="whatsapp, mail, or whatsapp,mail: the first of a guest.")
    ] = "mail",
    message: Annotated[
        str, typer.Option(help="Message: ticket_reminder or ticket_ready.")
    ] = "ticket_reminder",
    as_json: JsonOption = False,
) -> None:
    """Send the tickets of a roster at a time before the event, once per ticket."""
    from zoneinfo import ZoneInfo

    from ticketing.notifications.campaigns import apply_rules
    from ticketing.notifications.campaigns.cli import parse_channels
    from ticketing.notifications.campaigns.sending_rule import (
        Audience,
        NewRule,
        RuleMessage,
        RuleTime,
    )
    from ticketing.platform.kernel.wall_clock import to_instant

    with open_event(slug) as (application, event):
        zone = ZoneInfo(event.time_zone)
        instant = to_instant(send_at, zone, field="at") if send_at else None
        new = NewRule(
            RuleTime(days, hours, instant),
            parse_choice(audience, Audience, "--to"),
            tuple(parse_channels(by)),
            parse_choice(message, RuleMessage, "--message"),
        )
        rule = apply_rules.create_rule(application.database, event, new, at=now(), by=actor())
    due = rule.time.due_at(event)
    result = {"rule": rule.id, "due": due, "audience": rule.audience, "message": rule.message}
    print_result(
        result,
        f"Created rule {rule.id}: {rule.audience} tickets, {format_time(due, zone)}.",
        f"To see who would get it: ticketing campaigns rules preview --event {slug} {rule.id}",
        as_json=as_json,
    )


@app.command("list")
def list_rules(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the sending rules of an event, and for how many tickets each was sent."""
    from zoneinfo import ZoneInfo

    from ticketing.notifications.campaigns import rule_queries

    with open_event(slug) as (application, event):
        rules = application.database.run(rule_queries.list_for_event, event.id)
    columns: dict[str, Callable[[SendingRule], object]] = {
        "id": lambda rule: rule.id,
        "due": lambda rule: rule.time.due_at(event),
        "audience": lambda rule: rule.audience,
        "by": lambda rule: ",".join(rule.channels),
        "message": lambda rule: rule.message,
        "state": lambda rule: rule.state(event, at=now()),
        "tickets": lambda rule: rule.ticket_count,
    }
    print_list(
        rules,
        columns,
        as_json=as_json,
        to_json=lambda rule: {name: value(rule) for name, value in columns.items()},
        zone=ZoneInfo(event.time_zone),
        empty=f"{event.slug} has no sending rules.",
    )


@app.command("preview")
def preview_rule(slug: EventOption, rule_id: RuleArgument, *, as_json: JsonOption = False) -> None:
    """Show who would get the message if the rule were due now. Nothing is sent."""
    from ticketing.notifications.campaigns import apply_rules

    with open_event(slug) as (application, event):
        plan = apply_rules.preview_rule(application.database, event, rule_id)
    print_list(
        plan.tickets,
        {
            "ticket": lambda one: one.ticket_code,
            "guest": lambda one: one.guest_id,
            "by": lambda one: one.channel,
        },
        as_json=as_json,
        empty=f"Nobody would get rule {rule_id} now.",
    )


@app.command("disable")
def disable_rule(slug: EventOption, rule_id: RuleArgument, *, as_json: JsonOption = False) -> None:
    """Never apply a rule that was not applied yet."""
    from ticketing.notifications.campaigns import apply_rules

    with open_event(slug) as (application, event):
        apply_rules.disable_rule(application.database, event, rule_id, at=now(), by=actor())
    print_result({"rule": rule_id}, f"{event.slug}: disabled rule {rule_id}.", as_json=as_json)
