"""`calls`, `resend` and `send` of `ticketing webhooks`."""

from datetime import datetime
from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import (
    DATE_OR_TIME_FORMATS,
    JsonOption,
    LimitOption,
    parse_choice,
)
from ticketing.platform.cli.output import print_list, print_result

app = typer.Typer()

NameArgument = Annotated[str, typer.Argument(help="Name of the webhook.", show_default=False)]


@app.command("calls")
def list_calls(
    name: NameArgument,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only waiting, delivered or failed calls.")
    ] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List the calls of a webhook, the newest first."""
    from ticketing.webhooks.endpoints import list_endpoint_calls
    from ticketing.webhooks.model import CallState

    chosen = None if state is None else parse_choice(state, CallState, "--state")
    with open_application() as application:
        calls = list_endpoint_calls(application.database, name, state=chosen, limit=limit)
    print_list(
        calls,
        {
            "id": lambda call: str(call.id),
            "order": lambda call: call.order_code,
            "kind": lambda call: call.kind,
            "state": lambda call: call.state,
            "tries": lambda call: call.attempt_count,
            "last try": lambda call: call.last_attempt_at,
            "next try": lambda call: call.next_attempt_at,
            "answer": lambda call: (
                f"{call.last_error or call.last_status or ''} {call.response_excerpt}".strip()
            ),
        },
        as_json=as_json,
        empty="No calls.",
    )


@app.command("resend")
def resend_calls(
    name: NameArgument,
    *,
    call: Annotated[
        int | None, typer.Option(help="Only this call; it may have arrived before.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=DATE_OR_TIME_FORMATS, help="All entries since (UTC)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Queue calls again: all undelivered ones, one call, or all since a time.

    The worker, Dagster or `ticketing webhooks send` makes the calls.
    """
    from datetime import UTC

    from ticketing.webhooks import endpoints

    if call is not None and since is not None:
        raise typer.BadParameter("use either --call or --from")
    with open_application() as application:
        count = endpoints.resend_calls(
            application.database, name, call_id=call,
            since=since.replace(tzinfo=UTC) if since else None, at=now(), by=actor(),
        )  # fmt: skip
    print_result({"queued": count}, f"Calls queued: {count}", as_json=as_json)


@app.command("send")
def send_calls(*, as_json: JsonOption = False) -> None:
    """Make all due calls now.

    Exit code 1 when a call failed.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.webhooks.client import WebhookClient
    from ticketing.webhooks.send import send_all_due_calls

    with open_application() as application:
        result = send_all_due_calls(
            application.database,
            application.get(WebhookClient),
            application.get(KeyRing),
            clock=now,
            by=actor(),
        )
    line = f"{result.delivered} delivered, {result.failed} failed."
    print_result(result, line, as_json=as_json)
    raise typer.Exit(1 if result.failed else 0)
