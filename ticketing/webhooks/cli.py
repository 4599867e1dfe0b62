"""`ticketing webhooks`: endpoints and their calls."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import (
    DATE_OR_TIME_FORMATS,
    JsonOption,
    LimitOption,
    OptionalEventOption,
    parse_choice,
)
from ticketing.platform.cli.output import format_time, print_json, print_list, print_result

if TYPE_CHECKING:
    from ticketing.webhooks.model import WebhookEndpoint

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the webhook.", show_default=False)]


@app.command("create")
def create_webhook(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="Address: https://…", show_default=False)],
    *,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind: order.paid (repeatable).")
    ] = None,
    slug: OptionalEventOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a webhook and print its signing secret. It cannot be printed again."""
    from ticketing.crypto.keyring import KeyRing
    from ticketing.events.queries import get_event
    from ticketing.webhooks.endpoints import add_endpoint

    with open_application() as application:
        endpoint = add_endpoint(
            application.database,
            application.get(KeyRing),
            name=name,
            url=url,
            kinds=kind or [],
            event=get_event(application.database, slug) if slug else None,
            allow_loopback=application.settings.midtrans_environment == "simulator",
            at=now(),
            by=actor(),
        )
    if as_json:
        print_json({"name": name, "url": url, "secret": endpoint.secret})
    else:
        typer.echo(endpoint.secret)


@app.command("list")
def list_webhooks(*, as_json: JsonOption = False) -> None:
    """List all webhooks."""
    from ticketing.webhooks.endpoints import list_endpoints

    with open_application() as application:
        endpoints = list_endpoints(application.database)
    print_list(
        endpoints,
        {
            "name": lambda endpoint: endpoint.name,
            "url": lambda endpoint: endpoint.url,
            "kinds": lambda endpoint: ", ".join(endpoint.kinds),
            "event": lambda endpoint: endpoint.event_slug or "all",
            "created": lambda endpoint: endpoint.created_at,
            "state": _describe_state,
        },
        as_json=as_json,
        empty="No webhooks.",
    )


@app.command("test")
def send_test_event(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Send a test event and print the answer.

    Exit code 1 when it was not accepted.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.webhooks.client import WebhookClient
    from ticketing.webhooks.endpoints import send_test_message
    from ticketing.webhooks.model import CallOutcome, classify_response

    with open_application() as application:
        response = send_test_message(
            application.database,
            application.get(WebhookClient),
            application.get(KeyRing),
            name,
            at=now(),
        )
    line = f"{response.error or response.status} {response.body_excerpt}".strip()
    print_result(response, line, as_json=as_json)
    raise typer.Exit(0 if classify_response(response) is CallOutcome.DELIVERED else 1)


@app.command("enable")
def enable_webhook(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Enable a webhook that was disabled after failures.

    Waiting calls are made. To send what was missed: ticketing webhooks resend NAME --from TIME.
    """
    from ticketing.webhooks.endpoints import enable_endpoint

    with open_application() as application:
        enable_endpoint(application.database, name, at=now(), by=actor())
    print_result({"name": name, "enabled": True}, f"Enabled webhook {name}.", as_json=as_json)


@app.command("delete")
def delete_webhook(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Delete a webhook; its waiting calls are dropped."""
    from ticketing.webhooks.endpoints import remove_endpoint

    with open_application() as application:
        dropped = remove_endpoint(application.database, name, at=now(), by=actor())
    line = f"Deleted webhook {name}; waiting calls dropped: {dropped}"
    print_result({"name": name, "droppedCalls": dropped}, line, as_json=as_json)


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


def _describe_state(endpoint: "WebhookEndpoint") -> str:
    if endpoint.disabled_at:
        return f"disabled: {endpoint.disabled_reason}"
    if endpoint.failing_since:
        return f"failing since {format_time(endpoint.failing_since)}"
    return "active"
