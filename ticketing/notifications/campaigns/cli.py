"""`ticketing send-tickets`: plan, apply."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    stdout_console,
)
from ticketing.platform.cli.options import EventArgument

if TYPE_CHECKING:
    from ticketing.notifications.delivery import Channel

app = typer.Typer(
    help="Send a roster's tickets to its guests: planned first, then applied.",
    no_args_is_help=True,
)


def _parse_channels(text: str) -> "list[Channel]":
    from ticketing.notifications.delivery import Channel

    known = {str(channel): channel for channel in (Channel.WHATSAPP, Channel.MAIL)}
    ways = [word.strip() for word in text.split(",")]
    if not set(ways) <= known.keys() or len(set(ways)) < len(ways):
        raise typer.BadParameter("say whatsapp, mail, or both with a comma, the preferred first")
    return [known[word] for word in ways]


ChannelsOption = Annotated[
    str,
    typer.Option(
        "--by", help="whatsapp, mail, or whatsapp,mail: each guest by the first there is."
    ),
]


@app.command("plan")
def plan(event: EventArgument, *, by: ChannelsOption = "mail", as_json: JsonOption = False) -> None:
    """Say who would be sent a ticket, and until when; who got one already is left out."""
    from dataclasses import asdict

    from ticketing.events.queries import get_event
    from ticketing.notifications.campaigns.send_tickets import plan_campaign
    from ticketing.notifications.channel_policy import estimate_last_send_at
    from ticketing.notifications.cli import format_local_time
    from ticketing.notifications.delivery import Channel
    from ticketing.notifications.rate_limit import RateLimit

    with open_application() as application:
        planned = plan_campaign(
            application.database,
            get_event(application.database, event),
            channels=_parse_channels(by),
        )
        by_whatsapp = planned.count_by_channel(Channel.WHATSAPP)
        ends = estimate_last_send_at(
            application.database, application.get(RateLimit), additional_count=by_whatsapp, at=now()
        )
    if as_json:
        print_json(asdict(planned) | {"whatsapp_ends": ends if by_whatsapp else None})
        return
    out = stdout_console()
    out.print(
        f"{planned.count_by_channel(Channel.MAIL):,} tickets would go by mail,"
        f" {by_whatsapp:,} by WhatsApp;"
        f" no address: {len(planned.without_address):,} guests,"
        f" want none: {len(planned.opted_out):,}; nothing has changed yet"
    )
    if by_whatsapp:
        told = format_local_time(ends) if ends else "never: the day's budget is nought"
        out.print(f"the last by WhatsApp, after what waits already: {told}")
    also = "" if by == "mail" else f" --by {by}"
    out.print(
        f"to do it: ticketing send-tickets apply {planned.event}{also} --plan {planned.plan_hash}"
    )


@app.command("apply")
def apply(
    event: EventArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `send-tickets plan` printed.")],
    by: ChannelsOption = "mail",
    as_json: JsonOption = False,
) -> None:
    """Leave the planned tickets to be sent, after whatever else waits.

    The worker or `ticketing deliver` sends them.
    """
    from dataclasses import asdict

    from ticketing.events.queries import get_event
    from ticketing.notifications.campaigns.send_tickets import apply_campaign

    with open_application() as application:
        known = get_event(application.database, event)
        done = apply_campaign(
            application.database, known, plan_hash=plan, channels=_parse_channels(by), by=actor()
        )
    if as_json:
        print_json(asdict(done))
    else:
        stdout_console().print(f"tickets that will be sent: {len(done.tickets):,}")


def opt_out(
    address: Annotated[
        str, typer.Argument(help="The mail address, or the number as +62….", show_default=False)
    ],
) -> None:
    """Send no roster's ticket to an address or number any more; what is ordered still comes."""
    from ticketing.notifications.campaigns.send_tickets import opt_out_address as leave_alone

    with open_application() as application:
        is_new = leave_alone(application.database, address, at=now(), by=actor())
    stdout_console().print("noted" if is_new else "was noted already")


COMMANDS = (opt_out,)
