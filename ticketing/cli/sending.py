"""`ticketing send-tickets`: plan, apply."""

from typing import Annotated

import typer

from ticketing.cli.console import JsonOption, actor, now, office, print_json, screen
from ticketing.cli.sale import EventArgument

app = typer.Typer(
    help="Mail a roster's tickets to its guests: planned first, then applied.",
    no_args_is_help=True,
)


@app.command("plan")
def plan(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """Say who would be sent a ticket; who got one already is left out."""
    from dataclasses import asdict

    from ticketing.actions.send_tickets import plan_sending

    with office() as opened:
        planned = plan_sending(opened.database, opened.event(event))
    if as_json:
        print_json(asdict(planned))
        return
    out = screen()
    out.print(
        f"{len(planned.by_mail):,} tickets would go by mail; no address: "
        f"{len(planned.without_address):,} guests, want no mail: {len(planned.opted_out):,};"
        " nothing has changed yet"
    )
    out.print(f"to do it: ticketing send-tickets apply {planned.event} --plan {planned.plan_hash}")


@app.command("apply")
def apply(
    event: EventArgument,
    *,
    plan: Annotated[str, typer.Option(help="The hash that `send-tickets plan` printed.")],
    as_json: JsonOption = False,
) -> None:
    """Leave the planned tickets to be mailed, after whatever else waits.

    The worker or `ticketing deliver` sends them.
    """
    from dataclasses import asdict

    from ticketing.actions.send_tickets import apply_sending

    with office() as opened:
        done = apply_sending(opened.database, opened.event(event), plan_hash=plan, by=actor())
    if as_json:
        print_json(asdict(done))
    else:
        screen().print(f"tickets that will be mailed: {len(done.by_mail):,}")


def opt_out(
    address: Annotated[str, typer.Argument(help="The mail address.", show_default=False)],
) -> None:
    """Mail no roster's ticket to an address any more; what is ordered still comes."""
    from ticketing.actions.send_tickets import opt_out as leave_alone

    with office() as opened:
        is_new = leave_alone(opened.database, address, at=now(), by=actor())
    screen().print("noted" if is_new else "was noted already")


COMMANDS = (opt_out,)
