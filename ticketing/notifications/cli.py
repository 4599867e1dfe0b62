"""`ticketing deliver` and what goes with it: messages to buyers and to the organiser."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from ticketing.notifications.delivery import Channel
from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    new_table,
    now,
    open_application,
    print_json,
    stdout_console,
)


def deliver(*, as_json: JsonOption = False) -> None:
    """Send every message that is due; the worker does it by itself."""
    from dataclasses import asdict

    from ticketing.notifications.admin import get_outbox_backlog
    from ticketing.notifications.channel_policy import estimate_last_send_at
    from ticketing.notifications.deliver import MessagingConnector, deliver_all

    with open_application() as application:
        with application.get(MessagingConnector).connect() as mailroom:
            done = deliver_all(application.database, mailroom, clock=now)
            has_door = mailroom.mail is not None
            ends = estimate_last_send_at(application.database, mailroom.rate_limit, at=now())
        waits = get_outbox_backlog(application.database, at=now())
        folder = (
            ""
            if application.settings.mail_url or not has_door
            else application.settings.mail_folder
        )
    if as_json:
        print_json(asdict(done) | asdict(waits) | {"folder": str(folder)})
        sys.exit(1 if done.failed else 0)
    out = stdout_console()
    if not has_door:
        out.print("nothing is sent: MAIL_URL is not set")
    if folder:
        out.print(f"rehearsal: mails are files in {folder}", markup=False)
    out.print(
        f"{done.sent} sent, {done.error} to be tried again, {done.failed} failed,"
        f" {done.unknown} unknown; not begun: {waits.to_people} to people,"
        f" {waits.to_organiser} to the organiser"
    )
    for channel, (until, why) in waits.rests.items():
        held = f"rests until {until:%H:%M:%S} UTC" if until else "is stopped"
        out.print(f"{channel} {held}: {why}", markup=False)
    _print_last_send_at(ends)
    sys.exit(1 if done.failed else 0)


def deliveries(
    event: Annotated[str, typer.Argument(help="The event's slug or number.", show_default=False)],
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those of which nothing more comes by itself.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show an event's messages, the newest first: to whom, how far, and why not."""
    from dataclasses import asdict

    from ticketing.events.queries import get_event
    from ticketing.notifications.admin import list_deliveries
    from ticketing.notifications.channel_policy import estimate_last_send_at
    from ticketing.notifications.rate_limit import RateLimit

    with open_application() as application:
        found = list_deliveries(
            application.database,
            get_event(application.database, event),
            failed=failed,
            limit=limit,
        )
        ends = estimate_last_send_at(application.database, application.get(RateLimit), at=now())
    if as_json:
        print_json([asdict(one) for one in found])
        return
    from rich.markup import escape

    table = new_table("delivery", "what", "about", "by", "to", "state", "tries", "next try", "why")
    for one in found:
        table.add_row(
            str(one.id), one.purpose, one.subject, one.channel, escape(one.address), one.state,
            str(one.tries), _format_time(one.next_try), escape(one.last_error),
        )  # fmt: skip
    stdout_console().print(table)
    _print_last_send_at(ends)


def _print_last_send_at(ends: datetime | None) -> None:
    """When the last goes of what waits for WhatsApp's pace."""
    if ends is not None and ends > now():
        stdout_console().print(
            f"WhatsApp: the last message that waits goes {format_local_time(ends)}"
        )


def resend(
    delivery: Annotated[
        int | None, typer.Argument(help="One delivery's number.", show_default=False)
    ] = None,
    *,
    failed: Annotated[
        str | None, typer.Option("--failed", help="All of this event that failed.")
    ] = None,
) -> None:
    """Let one message go out again, or all of an event that failed.

    The worker or `ticketing deliver` sends them.
    """
    from ticketing.events.queries import get_event
    from ticketing.notifications.admin import resend_delivery as resend_one
    from ticketing.notifications.admin import resend_failed_deliveries

    if (delivery is None) == (failed is None):
        raise typer.BadParameter("say either a delivery's number or --failed EVENT")
    with open_application() as application:
        if delivery is not None:
            one = resend_one(application.database, delivery, at=now(), by=actor())
            stdout_console().print(
                f"{one.purpose} about {one.subject} goes out again", markup=False
            )
        elif failed is not None:
            again = resend_failed_deliveries(
                application.database, get_event(application.database, failed), at=now(), by=actor()
            )
            stdout_console().print(f"messages that go out again: {again}")


def bounces(
    mails: Annotated[
        list[str],
        typer.Argument(help="Mails that came back: files, Maildir folders, or - for one on input."),
    ],
) -> None:
    """Read what mail servers sent back, and note it at the messages; again changes nothing."""
    from ticketing.notifications.deliver import MessagingConnector
    from ticketing.notifications.delivery_receipts import process_bounces
    from ticketing.notifications.mail.mailbox import read_mails

    with (
        open_application() as application,
        application.get(MessagingConnector).connect() as mailroom,
    ):
        done = process_bounces(application.database, read_mails(mails), mailroom.channels, at=now())
    stdout_console().print(
        f"{done.mails} mails read: {done.applied} bounces noted, {done.unchanged} known,"
        f" {done.strange} of no message of ours, {done.undecided} not decided yet"
    )


def abort_delivery(
    delivery: Annotated[int, typer.Argument(help="The delivery's number.", show_default=False)],
) -> None:
    """Send one message no more that still waits; `ticketing resend` takes it back."""
    from ticketing.notifications.admin import cancel_delivery

    with open_application() as application:
        one = cancel_delivery(application.database, delivery, at=now(), by=actor())
    stdout_console().print(f"{one.purpose} about {one.subject} is not sent", markup=False)


def resume_channel(
    channel: Annotated[Channel, typer.Argument(help="whatsapp or mail.", show_default=False)],
) -> None:
    """Let a channel go on that was stopped or rests, once its trouble is over."""
    from ticketing.notifications.channel_policy import resume_channel as let_go_on

    with open_application() as application:
        let_go_on(application.database, channel, at=now(), by=actor())
    stdout_console().print(f"{channel} goes on")


def format_local_time(at: datetime) -> str:
    """As a person plans with it, on this machine's clock."""
    return f"{at.astimezone():%A %d %B, %H:%M}"


def _format_time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


COMMANDS = (deliver, deliveries, resend, abort_delivery, bounces, resume_channel)
