"""`ticketing deliveries`: messages, bounces, opt-outs and channels."""

from datetime import datetime
from typing import Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.notifications.inbound import cli as inbound_cli
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption, LimitOption, parse_choice
from ticketing.platform.cli.output import (
    format_time,
    print_json,
    print_list,
    print_result,
    print_text,
    to_object,
)

app = typer.Typer(no_args_is_help=True)
app.add_typer(inbound_cli.app, name="inbound", help="WhatsApp webhooks that need a decision.")


@app.command("list")
def list_deliveries(
    slug: EventOption,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only messages that are not retried any more.")
    ] = False,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List the messages of an event, the newest first."""
    from zoneinfo import ZoneInfo

    from ticketing.notifications import admin
    from ticketing.notifications.channel_policy import estimate_last_send_at
    from ticketing.notifications.rate_limit import RateLimit

    with open_event(slug) as (application, event):
        deliveries = admin.list_deliveries(application.database, event, failed=failed, limit=limit)
        last_send = estimate_last_send_at(
            application.database, application.get(RateLimit), at=now()
        )
    print_list(
        deliveries,
        {
            "id": lambda delivery: str(delivery.id),
            "message": lambda delivery: delivery.purpose,
            "about": lambda delivery: delivery.subject,
            "to": lambda delivery: delivery.address,
            "state": lambda delivery: delivery.state,
            "tries": lambda delivery: delivery.attempt_count,
            "next try": lambda delivery: delivery.next_attempt_at,
            "error": lambda delivery: delivery.last_error,
        },
        as_json=as_json,
        zone=ZoneInfo(event.time_zone),
        empty="No messages.",
    )
    if not as_json:
        _print_last_send_at(last_send)


@app.command("send")
def send_deliveries(*, as_json: JsonOption = False) -> None:
    """Send all due messages now; the worker does this by itself.

    Exit code 1 when a message failed for good.
    """
    from ticketing.notifications.admin import get_outbox_backlog
    from ticketing.notifications.channel_policy import estimate_last_send_at
    from ticketing.notifications.deliver import MessagingConnector, deliver_all

    with open_application() as application:
        settings = application.settings
        with application.get(MessagingConnector).connect() as messaging:
            result = deliver_all(application.database, messaging, clock=now)
            has_mail = messaging.mail is not None
            last_send = estimate_last_send_at(application.database, messaging.rate_limit, at=now())
        backlog = get_outbox_backlog(application.database, at=now())
        folder = str(settings.mail_folder) if has_mail and not settings.mail_url else ""
    if as_json:
        print_json(to_object(result) | to_object(backlog) | {"folder": folder})
    else:
        if not has_mail:
            print_text("No mail is sent: MAIL_URL is not set.")
        if folder:
            print_text(f"Simulated: mails are written to {folder}.")
        print_text(
            f"{result.sent} sent, {result.error} to be retried, {result.failed} failed,"
            f" {result.unknown} unknown.",
            f"Queued: {backlog.to_people} to buyers and guests,"
            f" {backlog.to_organiser} to the organiser.",
        )
        for channel, (until, reason) in backlog.rests.items():
            state = f"is paused until {format_time(until)}" if until else "is stopped"
            if until is not None and until <= now():
                state = "was refused and is tried again"
            print_text(f"{channel} {state}: {reason}")
        _print_last_send_at(last_send)
    raise typer.Exit(1 if result.failed else 0)


@app.command("resend")
def resend_deliveries(
    delivery: Annotated[
        int | None, typer.Argument(help="Id of one message.", show_default=False)
    ] = None,
    *,
    slug: Annotated[
        str | None, typer.Option("--event", "-e", help="With --failed: the event.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All failed messages of the event.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Queue one message again, or all failed messages of an event.

    The worker or `ticketing deliveries send` sends them.
    """
    from ticketing.events.queries import get_event
    from ticketing.notifications import admin

    is_bulk = slug is not None
    if failed is not is_bulk or is_bulk is (delivery is not None):
        raise typer.BadParameter("name either the id of a message, or --event with --failed")
    with open_application() as application:
        if delivery is not None:
            queued = admin.resend_delivery(application.database, delivery, at=now(), by=actor())
            print_result(
                queued, f"Queued again: {queued.purpose} {queued.subject}", as_json=as_json
            )
        else:
            count = admin.resend_failed_deliveries(
                application.database,
                get_event(application.database, slug or ""),
                at=now(),
                by=actor(),
            )
            print_result({"queued": count}, f"Messages queued again: {count}", as_json=as_json)


@app.command("cancel")
def cancel_delivery(
    delivery: Annotated[int, typer.Argument(help="Id of the message.", show_default=False)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Cancel a queued message. `ticketing deliveries resend` queues it again."""
    from ticketing.notifications import admin

    with open_application() as application:
        cancelled = admin.cancel_delivery(application.database, delivery, at=now(), by=actor())
    print_result(cancelled, f"Cancelled: {cancelled.purpose} {cancelled.subject}", as_json=as_json)


@app.command("opt-out")
def opt_out_command(
    address: Annotated[
        str, typer.Argument(help="E-mail address, or number as +62….", show_default=False)
    ],
    *,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take it back: campaigns are sent again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send no campaigns to an address or number any more.

    Messages about the person's own orders are still sent.
    """
    from ticketing.notifications.campaigns import opt_out

    with open_application() as application:
        if undo:
            changed = opt_out.undo_opt_out(application.database, address, by=actor())
            line = "taken back" if changed else "there was none"
        else:
            changed = opt_out.opt_out_address(application.database, address, at=now(), by=actor())
            line = "recorded" if changed else "already recorded"
    result = {"address": address, "new": changed and not undo, "undone": changed and undo}
    print_result(result, f"{address}: {line}.", as_json=as_json)


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
        f" {result.strange} of other messages, {result.undecided} still retried by the server,"
        f" {result.absences} absence notes, {len(result.not_understood)} not understood."
    )
    print_result(result, line, as_json=as_json)
    if not as_json:
        for subject in result.not_understood:
            print_text(f"for a person: {subject or '(no subject)'}")


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


def _print_last_send_at(at: datetime | None) -> None:
    """Print when the last message that waits for WhatsApp's rate limit is sent."""
    if at is not None and at > now():
        print_text(f"WhatsApp: the last queued message is sent at about {format_time(at)}.")
