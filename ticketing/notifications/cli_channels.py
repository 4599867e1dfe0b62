"""`opt-out`, `read-bounces` and `resume-channel` of `ticketing deliveries`."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, parse_choice
from ticketing.platform.cli.output import print_result

app = typer.Typer()


@app.command("opt-out")
def opt_out(
    address: Annotated[
        str, typer.Argument(help="E-mail address, or number as +62….", show_default=False)
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Send no campaigns to an address or number any more.

    Messages about the person's own orders are still sent.
    """
    from ticketing.notifications.campaigns.send_tickets import opt_out_address

    with open_application() as application:
        is_new = opt_out_address(application.database, address, at=now(), by=actor())
    line = f"{address}: {'recorded' if is_new else 'already recorded'}."
    print_result({"address": address, "new": is_new}, line, as_json=as_json)


@app.command("read-bounces")
def read_bounces(
    mails: Annotated[
        list[str],
        typer.Argument(help="Files or Maildir folders with bounces; - is standard input."),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Read bounced mails and mark their messages as failed.

    Reading the same mails again changes nothing.
    """
    from ticketing.notifications.deliver import MessagingConnector
    from ticketing.notifications.delivery_receipts import process_bounces
    from ticketing.notifications.mail.mailbox import read_mails

    with (
        open_application() as application,
        application.get(MessagingConnector).connect() as messaging,
    ):
        result = process_bounces(
            application.database, read_mails(mails), messaging.channels, at=now()
        )
    line = (
        f"{result.mails} mails read: {result.applied} bounces applied, {result.unchanged} known,"
        f" {result.strange} of other messages, {result.undecided} still retried by the server."
    )
    print_result(result, line, as_json=as_json)


@app.command("resume-channel")
def resume_channel(
    channel: Annotated[str, typer.Argument(help="whatsapp or mail.", show_default=False)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Resume a paused channel after its problem was solved."""
    from ticketing.notifications import channel_policy
    from ticketing.notifications.delivery import Channel

    chosen = parse_choice(channel, Channel, "CHANNEL")
    with open_application() as application:
        channel_policy.resume_channel(application.database, chosen, at=now(), by=actor())
    print_result({"channel": chosen, "resumed": True}, f"Resumed {chosen}.", as_json=as_json)
