"""All commands under one name, in the order of `ticketing --help`."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import set_loader
from ticketing.platform.cli.lazy_group import Entry, LazyGroup

# by panel: name, module of ticketing and its group or function, help
COMMANDS = {
    "Guests and tickets": (
        ("events", "events.cli:app", "Create, change and list events."),
        ("templates", "tickets.cli_templates:app", "List, check and preview ticket templates."),
        ("import", "roster.cli:import_roster", "Import a roster from a file or a query."),
        (
            "guests",
            "roster.guests.cli:app",
            "Change guests; decide about possible duplicates.",
        ),
        (
            "missing",
            "tickets.reports.cli:missing",
            "List guests who are entitled and have no ticket.",
        ),
        (
            "generate-tickets",
            "tickets.cli:generate_tickets",
            "Issue missing tickets and render their PDFs.",
        ),
        ("tickets", "tickets.cli:app", "Explain, check, print, report and revoke tickets."),
        (
            "sync-payments",
            "billing.command_line.cli:sync_payments",
            "Fetch the payment record of every student, or join the sync that is running.",
        ),
        (
            "match-payments",
            "billing.command_line.cli:match_payments",
            "Compare the guests of an event with the payment records.",
        ),
        (
            "bank-statements",
            "billing.command_line.cli_bank_statements:app",
            "Import credits of bank accounts, match them with bills.",
        ),
        ("verify", "checkin.cli:verify", "Check whether a ticket is valid, and why not."),
        ("checkin", "checkin.cli_gates:app", "Pair gates, check in tickets, count who entered."),
        ("keys", "crypto.cli:app", "List or rotate the public keys that verify tickets."),
        (
            "export",
            "reporting.cli_export:export",
            "Export a list of an event as CSV, without secrets.",
        ),
    ),
    "Selling": (
        ("ticket-types", "catalogue.cli_ticket_types:app", "Put ticket types on sale."),
        ("promos", "catalogue.cli_promo_codes:app", "Offer promo codes."),
        ("payment-plans", "catalogue.cli_payment_plans:app", "Offer instalments."),
        ("orders", "app.cli_orders:app", "List orders and resolve review flags."),
        (
            "expire-orders",
            "selling.checkout.cli:expire_orders",
            "Expire unpaid orders whose reservation has ended.",
        ),
        ("payments", "reporting.cli_payments:app", "Compare payments with the payment gateway."),
        (
            "waiting-list",
            "selling.waiting_list.cli:app",
            "List who waits for places that are sold out; offer places.",
        ),
        ("refunds", "selling.refunds.cli:app", "Refund orders: plan, then apply."),
        ("cancellations", "selling.cancellation.cli:app", "Cancel events: plan, then apply."),
        ("ledger", "selling.ledger.cli:app", "List orders, payments and refunds."),
        (
            "closing-reports",
            "reporting.closing.cli:app",
            "Write and verify the signed figures of an event.",
        ),
    ),
    "Hotspot vouchers": (
        ("routers", "vouchers.provisioning.cli_routers:app", "Manage hotspot routers."),
        ("packages", "vouchers.cli_packages:app", "Sell voucher packages."),
        ("vouchers", "vouchers.cli:app", "List, repair and clean up vouchers."),
    ),
    "Messages and webhooks": (
        ("deliveries", "notifications.cli:app", "List, send and cancel messages."),
        (
            "campaigns",
            "notifications.campaigns.cli:app",
            "Send the tickets of a roster: plan, then apply.",
        ),
        (
            "message-templates",
            "notifications.messages.cli:app",
            "Preview the texts of mails and WhatsApp messages.",
        ),
        ("webhooks", "webhooks.cli:app", "Notify other programs of orders."),
    ),
    "Operations": (
        ("preflight", "app.cli_preflight:preflight", "List what to repair before an event."),
        ("doctor", "app.cli_operations:doctor", "Check whether this machine is ready."),
        (
            "go-live",
            "app.cli_go_live:app",
            "Check an event before it goes live; clear its rehearsals.",
        ),
        ("migrate", "app.cli_operations:migrate", "Upgrade the database schema."),
        ("backup", "backup.cli:app", "Back up everything into one encrypted file."),
        ("restore", "backup.cli_restore:restore", "Restore a backup into an empty place."),
        ("incidents", "monitoring.cli:app", "List open problems."),
        (
            "people",
            "people_data.cli:app",
            "Export or erase what is known of a person; set how long it is kept.",
        ),
        ("users", "access.users.cli:app", "Manage who may sign in to the pages."),
        ("api-keys", "access.keys.cli:app", "Manage API keys of the web service."),
    ),
    "Run": (
        ("up", "app.cli_up:up", "Start everything: database, Dagster, web, worker."),
        ("serve", "app.web.cli:serve", "Start the web service: shop, ticket pages and HTTP API."),
        ("worker", "app.cli_worker:worker", "Fulfil paid orders as soon as they are paid."),
        ("run", "app.cli_operations:run", "Run another program with the database started."),
        ("demo", "app.cli_operations:demo", "Create sample data to practise with."),
    ),
}

ENTRIES = tuple(
    Entry(name, f"ticketing.{target}", panel, text)
    for panel, commands in COMMANDS.items()
    for name, target, text in commands
)


class EnvironmentLoader:
    """Loads the application from the environment; imports are deferred until they are needed."""

    def settings(self) -> "Settings":
        """Read the settings. Raises Misconfigured, which names the invalid variables."""
        from pydantic import ValidationError

        from ticketing.platform.kernel.errors import Misconfigured
        from ticketing.platform.settings import Settings

        try:
            return Settings()
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            )
            raise Misconfigured(f"the environment (or .env) cannot be used: {faults}") from error

    @contextmanager
    def open(self, *, migrated: bool) -> "Iterator[Application]":
        """Open the application and its log file; `migrated` requires the newest schema."""
        from ticketing.app.container import ensure_schema, open_application
        from ticketing.app.data_folder import protect
        from ticketing.platform.kernel import json_logging as kernel_json_logging
        from ticketing.platform.kernel.errors import Misconfigured

        settings = self.settings()
        try:
            protect(settings.data_path)
        except OSError as error:
            raise Misconfigured(
                f"the data folder {settings.data_path} cannot be used ({error.strerror});"
                " give it to this user, or set TICKETING_DATA to another folder"
            ) from error
        kernel_json_logging.configure(settings.log_level, settings.log_file)
        with open_application(settings) as application:
            if migrated:
                ensure_schema(application)
            yield application


set_loader(EnvironmentLoader())

app = typer.Typer(
    name="ticketing",
    cls=LazyGroup.of(ENTRIES),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"ticketing {version('ticket-assets')}")
        raise typer.Exit


@app.callback()
def ticketing(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Import guests, sell, issue and verify tickets."""


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketing.platform.application import Application
    from ticketing.platform.settings import Settings
