"""`ticketing hooks`: who else is told of orders and money."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    new_table,
    now,
    open_application,
    print_json,
    stdout_console,
)
from ticketing.selling.ledger.cli import FORMATS

app = typer.Typer(help="Tell others of orders and money: webhooks.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The webhook's name.", show_default=False)]


@app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Argument(help="Where to post: https://…", show_default=False)],
    *,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind: order.paid; again for more.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", "-e", help="Only this event.")] = None,
) -> None:
    """Tell an address from now on, and print the secret it verifies with, this once."""
    from ticketing.crypto.keyring import KeyRing
    from ticketing.events.queries import get_event
    from ticketing.webhooks.endpoints import add_endpoint

    with open_application() as application:
        made = add_endpoint(
            application.database,
            application.get(KeyRing),
            name=name,
            url=url,
            kinds=kind or [],
            event=get_event(application.database, event) if event else None,
            allow_loopback=application.settings.midtrans_environment == "rehearsal",
            at=now(),
            by=actor(),
        )
    typer.echo(made.secret)


@app.command("list")
def list_hooks(*, as_json: JsonOption = False) -> None:
    """List who is told, and of what."""
    from dataclasses import asdict

    from ticketing.webhooks.endpoints import list_endpoints

    with open_application() as application:
        known = list_endpoints(application.database)
    if as_json:
        print_json([asdict(one) for one in known])
        return
    from rich.markup import escape

    table = new_table("name", "address", "kinds", "event", "since", "state")
    for one in known:
        state = "told"
        if one.failing_since:
            state = f"failing since {one.failing_since:%Y-%m-%d %H:%M} UTC"
        if one.disabled_at:
            state = f"off: {one.disabled_why}"
        table.add_row(
            escape(one.name), escape(one.url), ", ".join(one.kinds), one.event_slug or "all",
            f"{one.created_at:%Y-%m-%d}", escape(state),
        )  # fmt: skip
    stdout_console().print(table)


@app.command("calls")
def calls(
    name: Name,
    *,
    state: Annotated[str | None, typer.Option(help="waiting, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show the log of calls, the newest first."""
    from dataclasses import asdict

    from ticketing.webhooks.endpoints import list_endpoint_calls
    from ticketing.webhooks.model import CallState

    if state is not None and state not in list(CallState):
        raise typer.BadParameter(f"{state!r} is not one of {', '.join(CallState)}")
    with open_application() as application:
        found = list_endpoint_calls(
            application.database, name, state=CallState(state) if state else None, limit=limit
        )
    if as_json:
        print_json([asdict(one) for one in found])
        return
    from rich.markup import escape

    table = new_table("call", "order", "what", "state", "tries", "last try", "next try", "answer")
    for one in found:
        said = one.last_error or str(one.last_status or "")
        table.add_row(
            str(one.id),
            one.order_code,
            one.kind,
            one.state,
            str(one.tries),
            _format_time(one.last_try),
            _format_time(one.next_try),
            escape(f"{said} {one.answer}".strip()),
        )
    stdout_console().print(table)


@app.command("resend")
def resend(
    name: Name,
    *,
    call: Annotated[int | None, typer.Option(help="Only this call; it may have arrived.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=FORMATS, help="Everything booked since then, UTC."),
    ] = None,
) -> None:
    """Call again: all that have not arrived, one call, or everything since a moment.

    The worker or Dagster makes the calls.
    """
    from datetime import UTC

    from ticketing.webhooks.endpoints import resend_calls

    if call is not None and since is not None:
        raise typer.BadParameter("say either --call or --from")
    with open_application() as application:
        again = resend_calls(
            application.database, name, call_id=call,
            since=since.replace(tzinfo=UTC) if since else None, at=now(), by=actor(),
        )  # fmt: skip
    stdout_console().print(f"calls to be made: {again}")


@app.command("send")
def send(*, as_json: JsonOption = False) -> None:
    """Make every call that is due."""
    from dataclasses import asdict

    from ticketing.crypto.keyring import KeyRing
    from ticketing.webhooks.client import WebhookClient
    from ticketing.webhooks.send import send_all_due_calls

    with open_application() as application:
        told = send_all_due_calls(
            application.database,
            application.get(WebhookClient),
            application.get(KeyRing),
            clock=now,
            by=actor(),
        )
    if as_json:
        print_json(asdict(told))
    else:
        stdout_console().print(f"{told.delivered} arrived, {told.failed} did not")
    sys.exit(1 if told.failed else 0)


@app.command("test")
def test(name: Name) -> None:
    """Send a message about nothing, and say what came back."""
    from ticketing.crypto.keyring import KeyRing
    from ticketing.webhooks.client import WebhookClient
    from ticketing.webhooks.endpoints import send_test_message
    from ticketing.webhooks.model import CallOutcome, classify_response

    with open_application() as application:
        answer = send_test_message(
            application.database,
            application.get(WebhookClient),
            application.get(KeyRing),
            name,
            at=now(),
        )
    stdout_console().print(
        f"{answer.error or answer.status} {answer.body_excerpt}".strip(), markup=False
    )
    sys.exit(0 if classify_response(answer) is CallOutcome.DELIVERED else 1)


@app.command("enable")
def enable(name: Name) -> None:
    """Tell it again after it was switched off.

    What waited goes out. What was booked meanwhile does with `hooks resend --from`.
    """
    from ticketing.webhooks.endpoints import enable_endpoint

    with open_application() as application:
        enable_endpoint(application.database, name, at=now(), by=actor())
    stdout_console().print(f"{name} is told again", markup=False)


@app.command("remove")
def remove(name: Name) -> None:
    """Tell it nothing any more."""
    from ticketing.webhooks.endpoints import remove_endpoint

    with open_application() as application:
        waiting = remove_endpoint(application.database, name, at=now(), by=actor())
    stdout_console().print(
        f"{name} is removed; calls that waited and will not be made: {waiting}", markup=False
    )


def _format_time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
