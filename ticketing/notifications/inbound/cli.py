"""`ticketing deliveries inbound`: WhatsApp webhooks that need a decision."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, LimitOption
from ticketing.platform.cli.output import print_list, print_result

app = typer.Typer(no_args_is_help=True)

WebhookArgument = Annotated[
    int, typer.Argument(help="Id of the webhook, from the list.", show_default=False)
]


@app.command("list")
def list_inbound(*, limit: LimitOption = 50, as_json: JsonOption = False) -> None:
    """List WhatsApp webhooks that could not be applied, the newest first.

    A STOP of a sender whose number WhatsApp hides is ended by `opt-out`, everything else by
    `retry` or `dismiss`.
    """
    from ticketing.notifications.inbound import admin

    with open_application() as application:
        found = admin.list_quarantined(application.database, limit=limit)
    print_list(
        found,
        {
            "id": lambda one: str(one.id),
            "received": lambda one: one.received_at,
            "provider": lambda one: one.provider,
            "reason": lambda one: one.reason,
            "sender": lambda one: ", ".join(one.senders),
        },
        as_json=as_json,
        empty="Nothing needs a decision.",
    )


@app.command("show")
def show_inbound(webhook: WebhookArgument, *, as_json: JsonOption = False) -> None:
    """Print the content of a webhook as it was received."""
    from ticketing.notifications.inbound import admin

    with open_application() as application:
        body = admin.read_body(application.database, webhook)
    print_result({"id": webhook, "body": body}, body, as_json=as_json)


@app.command("retry")
def retry_inbound(webhook: WebhookArgument, *, as_json: JsonOption = False) -> None:
    """Process a webhook again, for example after an update. The worker does it."""
    from ticketing.notifications.inbound import admin

    with open_application() as application:
        admin.retry_webhook(application.database, webhook, at=now(), by=actor())
    print_result({"id": webhook}, f"Webhook {webhook} is processed again.", as_json=as_json)


@app.command("dismiss")
def dismiss_inbound(webhook: WebhookArgument, *, as_json: JsonOption = False) -> None:
    """Take a webhook off the list without an effect."""
    from ticketing.notifications.inbound import admin

    with open_application() as application:
        admin.dismiss_webhook(application.database, webhook, at=now(), by=actor())
    print_result({"id": webhook}, f"Webhook {webhook} is dismissed.", as_json=as_json)


@app.command("opt-out")
def assign_inbound(
    webhook: WebhookArgument,
    number: Annotated[
        str, typer.Argument(help="Number of the sender, as +62….", show_default=False)
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Send no campaigns to the number of a sender who wrote STOP; the webhook leaves the list."""
    from ticketing.notifications.inbound import admin

    with open_application() as application:
        known = admin.assign_opt_out(application.database, webhook, number, at=now(), by=actor())
    print_result({"id": webhook, "number": known}, f"{known}: recorded.", as_json=as_json)
