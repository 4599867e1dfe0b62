"""`ticketing campaigns`: plan, apply; the rules are in `cli_rules`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.notifications.campaigns import cli_rules
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, PlanOption
from ticketing.platform.cli.output import (
    format_time,
    print_apply_command,
    print_json,
    print_result,
    print_text,
    to_object,
)

if TYPE_CHECKING:
    from ticketing.notifications.delivery import Channel

app = typer.Typer(no_args_is_help=True)
app.add_typer(cli_rules.app, name="rules", help="Send tickets at a time before the event.")

ChannelsOption = Annotated[
    str,
    typer.Option("--by", help="whatsapp, mail, or whatsapp,mail: the first that a guest has."),
]


@app.command("plan")
def plan_campaign(
    slug: EventOption, *, by: ChannelsOption = "mail", as_json: JsonOption = False
) -> None:
    """Show how many tickets would be sent, and until when.

    Guests who were sent their ticket already are left out.
    """
    from zoneinfo import ZoneInfo

    from ticketing.notifications.campaigns import send_tickets
    from ticketing.notifications.channel_policy import estimate_last_send_at
    from ticketing.notifications.delivery import Channel
    from ticketing.notifications.rate_limit import RateLimit

    with open_event(slug) as (application, event):
        plan = send_tickets.plan_campaign(application.database, event, channels=parse_channels(by))
        by_whatsapp = plan.count_by_channel(Channel.WHATSAPP)
        last_send = estimate_last_send_at(
            application.database,
            application.get(RateLimit),
            additional_count=by_whatsapp,
            at=now(),
        )
    if as_json:
        print_json(to_object(plan) | {"whatsapp_ends": last_send if by_whatsapp else None})
        return
    print_text(
        f"By mail: {plan.count_by_channel(Channel.MAIL):,}. By WhatsApp: {by_whatsapp:,}.",
        f"No address: {len(plan.without_address):,} guests. Opted out: {len(plan.opted_out):,}.",
    )
    if by_whatsapp:
        text = format_time(last_send, ZoneInfo(event.time_zone)) or "never: the daily limit is 0"
        print_text(f"The last WhatsApp message, after those queued already: {text}")
    channels = "" if by == "mail" else f" --by {by}"
    print_apply_command(f"campaigns apply --event {plan.event}{channels} --plan {plan.plan_hash}")


@app.command("apply")
def apply_campaign(
    slug: EventOption,
    *,
    plan: PlanOption,
    by: ChannelsOption = "mail",
    as_json: JsonOption = False,
) -> None:
    """Queue the planned tickets, after all other messages.

    The worker or `ticketing deliveries send` sends them.
    """
    from ticketing.notifications.campaigns import send_tickets

    with open_event(slug) as (application, event):
        result = send_tickets.apply_campaign(
            application.database, event, plan_hash=plan, channels=parse_channels(by), by=actor()
        )
    print_result(result, f"Tickets queued: {len(result.tickets):,}", as_json=as_json)


def parse_channels(text: str) -> "list[Channel]":
    """Return the channels of the option `--by`, the preferred one first."""
    from ticketing.notifications.delivery import Channel

    known = {str(channel): channel for channel in (Channel.WHATSAPP, Channel.MAIL)}
    names = [word.strip() for word in text.split(",")]
    if not set(names) <= known.keys() or len(set(names)) < len(names):
        raise typer.BadParameter(
            "write whatsapp, mail, or both with a comma, the preferred one first",
            param_hint="--by",
        )
    return [known[name] for name in names]
