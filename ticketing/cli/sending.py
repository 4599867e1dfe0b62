"""`ticketing send-tickets`: plan, apply."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import JsonOption, actor, now, open_application, print_json, screen
from ticketing.cli.sale import EventArgument

if TYPE_CHECKING:
    from ticketing.domain.deliveries import Channel

app = typer.Typer(
    help="Send a roster's tickets to its guests: planned first, then applied.",
    no_args_is_help=True,
)


def _ways(text: str) -> "list[Channel]":
    from ticketing.domain.deliveries import Channel

    known = {str(channel): channel for channel in (Channel.WHATSAPP, Channel.MAIL)}
    ways = [word.strip() for word in text.split(",")]
    if not set(ways) <= known.keys() or len(set(ways)) < len(ways):
        raise typer.BadParameter("say whatsapp, mail, or both with a comma, the preferred first")
    return [known[word] for word in ways]


ByOption = Annotated[
    str,
    typer.Option(
        "--by", help="whatsapp, mail, or whatsapp,mail: each guest by the first there is."
    ),
]


@app.command("plan")
def plan(event: EventArgument, *, by: ByOption = "mail", as_json: JsonOption = False) -> None:
    """Say who would be sent a ticket, and until when; who got one already is left out."""
    from dataclasses import asdict

    from ticketing.actions.pace_channels import forecast
    from ticketing.actions.send_tickets import plan_sending
    from ticketing.cli.deliveries import spoken_end
    from ticketing.domain.deliveries import Channel
    from ticketing.domain.delivery_pace import Pace
    from ticketing.store.events import find_event

    with open_application() as application:
        planned = plan_sending(
            application.database, find_event(application.database, event), by=_ways(by)
        )
        by_whatsapp = planned.by(Channel.WHATSAPP)
        ends = forecast(application.database, application.get(Pace), more=by_whatsapp, at=now())
    if as_json:
        print_json(asdict(planned) | {"whatsapp_ends": ends if by_whatsapp else None})
        return
    out = screen()
    out.print(
        f"{planned.by(Channel.MAIL):,} tickets would go by mail, {by_whatsapp:,} by WhatsApp;"
        f" no address: {len(planned.without_address):,} guests,"
        f" want none: {len(planned.opted_out):,}; nothing has changed yet"
    )
    if by_whatsapp:
        told = spoken_end(ends) if ends else "never: the day's budget is nought"
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
    by: ByOption = "mail",
    as_json: JsonOption = False,
) -> None:
    """Leave the planned tickets to be sent, after whatever else waits.

    The worker or `ticketing deliver` sends them.
    """
    from dataclasses import asdict

    from ticketing.actions.send_tickets import apply_sending
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        done = apply_sending(
            application.database, known, plan_hash=plan, channels=_ways(by), by=actor()
        )
    if as_json:
        print_json(asdict(done))
    else:
        screen().print(f"tickets that will be sent: {len(done.tickets):,}")


def opt_out(
    address: Annotated[
        str, typer.Argument(help="The mail address, or the number as +62….", show_default=False)
    ],
) -> None:
    """Send no roster's ticket to an address or number any more; what is ordered still comes."""
    from ticketing.actions.send_tickets import opt_out as leave_alone

    with open_application() as application:
        is_new = leave_alone(application.database, address, at=now(), by=actor())
    screen().print("noted" if is_new else "was noted already")


COMMANDS = (opt_out,)
