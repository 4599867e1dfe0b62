"""All commands under one name, in the order of `ticketing --help`."""

from typing import Annotated

import typer

from ticketing.app.environment_loader import EnvironmentLoader
from ticketing.platform.cli.console import set_loader
from ticketing.platform.cli.lazy_group import Entry, LazyGroup

GUESTS = "Guests and tickets"
SELLING = "Selling"
VOUCHERS = "Hotspot vouchers"
MESSAGES = "Messages and webhooks"
OPERATIONS = "Operations"
RUN = "Run"

# name, module of ticketing and its group or function, panel, help
COMMANDS = (
    ("events", "events.cli:app", GUESTS, "Create, change and list events."),
    ("import", "roster.cli:import_roster", GUESTS, "Import a roster from a CSV file or a query."),
    (
        "missing",
        "tickets.reports.cli:missing",
        GUESTS,
        "List guests who are entitled and have no ticket.",
    ),
    (
        "generate-tickets",
        "tickets.cli_generate:generate_tickets",
        GUESTS,
        "Issue missing tickets and render their PDFs.",
    ),
    ("tickets", "tickets.cli:app", GUESTS, "Explain, check, report and revoke tickets."),
    ("verify", "checkin.cli:verify", GUESTS, "Check whether a ticket is valid, and why not."),
    ("keys", "crypto.cli:app", GUESTS, "List or rotate the public keys that verify tickets."),
    (
        "export",
        "reporting.cli_export:export",
        GUESTS,
        "Export a list of an event as CSV, without secrets.",
    ),
    ("ticket-types", "catalogue.cli_ticket_types:app", SELLING, "Put ticket types on sale."),
    ("promos", "catalogue.cli_promo_codes:app", SELLING, "Offer promo codes."),
    ("payment-plans", "catalogue.cli_payment_plans:app", SELLING, "Offer instalments."),
    ("orders", "selling.checkout.cli:app", SELLING, "List orders and resolve review flags."),
    (
        "expire-orders",
        "selling.checkout.cli:expire_orders",
        SELLING,
        "Expire unpaid orders whose reservation has ended.",
    ),
    (
        "payments",
        "reporting.cli_payments:app",
        SELLING,
        "Compare payments with the payment gateway.",
    ),
    ("refunds", "selling.refunds.cli:app", SELLING, "Refund orders: plan, then apply."),
    ("cancellations", "selling.cancellation.cli:app", SELLING, "Cancel events: plan, then apply."),
    ("ledger", "selling.ledger.cli:app", SELLING, "List orders, payments and refunds."),
    ("routers", "vouchers.provisioning.cli_routers:app", VOUCHERS, "Manage hotspot routers."),
    ("packages", "vouchers.cli_packages:app", VOUCHERS, "Sell voucher packages."),
    ("vouchers", "vouchers.cli:app", VOUCHERS, "List, repair and clean up vouchers."),
    ("deliveries", "notifications.cli:app", MESSAGES, "List, send and cancel messages."),
    (
        "campaigns",
        "notifications.campaigns.cli:app",
        MESSAGES,
        "Send the tickets of a roster: plan, then apply.",
    ),
    (
        "message-templates",
        "notifications.messages.cli:app",
        MESSAGES,
        "Preview the texts of mails and WhatsApp messages.",
    ),
    ("webhooks", "webhooks.cli:app", MESSAGES, "Notify other programs of orders."),
    ("doctor", "app.cli_doctor:doctor", OPERATIONS, "Check whether this machine is ready."),
    ("migrate", "app.cli_database:migrate", OPERATIONS, "Upgrade the database schema."),
    ("incidents", "monitoring.cli:app", OPERATIONS, "List open problems."),
    ("api-keys", "access.cli:app", OPERATIONS, "Manage API keys of the web service."),
    (
        "up",
        "app.cli_up:up",
        RUN,
        "Start everything: database, Dagster, web, worker.",
    ),
    (
        "serve",
        "app.web.cli:serve",
        RUN,
        "Start the web service: shop, ticket pages and HTTP API.",
    ),
    ("worker", "app.cli_worker:worker", RUN, "Fulfil paid orders as soon as they are paid."),
    ("run", "app.cli_database:run", RUN, "Run another program with the database started."),
    ("demo", "app.cli_demo:app", RUN, "Create sample data to practise with."),
)

set_loader(EnvironmentLoader())

app = typer.Typer(
    name="ticketing",
    cls=LazyGroup.of(
        Entry(name, f"ticketing.{target}", panel, text) for name, target, panel, text in COMMANDS
    ),
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
