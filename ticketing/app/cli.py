"""All commands under one name, in the order a person meets them."""

import typer

from ticketing.app import cli_database, cli_doctor, cli_up, cli_worker
from ticketing.app.environment_loader import EnvironmentLoader
from ticketing.app.web import cli as web_cli
from ticketing.catalogue import cli_promo_codes, cli_ticket_types
from ticketing.checkin import cli as checkin_cli
from ticketing.events import cli as event_cli
from ticketing.notifications import cli as notification_cli
from ticketing.notifications.campaigns import cli as campaign_cli
from ticketing.notifications.messages import cli as message_cli
from ticketing.platform.cli.console import set_loader
from ticketing.reporting import cli_export, cli_sales
from ticketing.roster import cli as roster_cli
from ticketing.selling.cancellation import cli as cancellation_cli
from ticketing.selling.ledger import cli as ledger_cli
from ticketing.selling.refunds import cli as refund_cli
from ticketing.selling.refunds import cli_orders
from ticketing.tickets import cli_generate
from ticketing.tickets.reports import cli as report_cli
from ticketing.vouchers import cli as voucher_cli
from ticketing.vouchers import cli_maintenance, cli_packages
from ticketing.vouchers.provisioning import cli_drift, cli_routers
from ticketing.webhooks import cli as webhook_cli

set_loader(EnvironmentLoader())

app = typer.Typer(
    name="ticketing",
    help="Who is owed a ticket, its making and its proof - from the command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(event_cli.app, name="events")
app.add_typer(cli_ticket_types.app, name="sale")
app.add_typer(cli_promo_codes.app, name="promo")
app.add_typer(cli_orders.app, name="orders")
app.add_typer(cli_routers.app, name="router")
app.add_typer(cli_packages.app, name="package")
app.add_typer(refund_cli.app, name="refund")
app.add_typer(cancellation_cli.app, name="cancel-event")
app.add_typer(web_cli.app, name="api-keys")
app.add_typer(campaign_cli.app, name="send-tickets")
app.add_typer(message_cli.app, name="messages")
app.add_typer(webhook_cli.app, name="hooks")
app.add_typer(voucher_cli.app, name="vouchers")
for command in (*cli_maintenance.COMMANDS, *cli_drift.COMMANDS):
    voucher_cli.app.command()(command)
voucher_cli.app.add_typer(cli_drift.repair, name="repair")
voucher_cli.app.add_typer(cli_maintenance.cleanup, name="cleanup")
for module in (
    roster_cli, report_cli, cli_generate, cli_sales, notification_cli, campaign_cli, ledger_cli,
    cli_export, checkin_cli, cli_doctor, cli_database, cli_up, web_cli, voucher_cli, cli_worker,
):  # fmt: skip
    for command in module.COMMANDS:
        app.command()(command)
