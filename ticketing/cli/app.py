"""All commands under one name, in the order a person meets them."""

import typer

from ticketing.cli import (
    cancelling,
    database,
    deliveries,
    events,
    exporting,
    gate,
    generating,
    health,
    hooks,
    importing,
    ledger,
    messages,
    orders,
    package,
    promo,
    questions,
    refund,
    router,
    running,
    sale,
    selling,
    sending,
    serving,
    voucher_drift,
    voucher_upkeep,
    vouchers,
    working,
)
from ticketing.cli.console import use
from ticketing.cli.loading import EnvironmentLoader

use(EnvironmentLoader())

app = typer.Typer(
    name="ticketing",
    help="Who is owed a ticket, its making and its proof - from the command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(events.app, name="events")
app.add_typer(sale.app, name="sale")
app.add_typer(promo.app, name="promo")
app.add_typer(orders.app, name="orders")
app.add_typer(router.app, name="router")
app.add_typer(package.app, name="package")
app.add_typer(refund.app, name="refund")
app.add_typer(cancelling.app, name="cancel-event")
app.add_typer(serving.app, name="api-keys")
app.add_typer(sending.app, name="send-tickets")
app.add_typer(messages.app, name="messages")
app.add_typer(hooks.app, name="hooks")
app.add_typer(vouchers.app, name="vouchers")
for command in (*voucher_upkeep.COMMANDS, *voucher_drift.COMMANDS):
    vouchers.app.command()(command)
vouchers.app.add_typer(voucher_drift.repair, name="repair")
vouchers.app.add_typer(voucher_upkeep.cleanup, name="cleanup")
for module in (
    importing, questions, generating, selling, deliveries, sending, ledger, exporting, gate, health,
    database, running, serving, vouchers, working,
):  # fmt: skip
    for command in module.COMMANDS:
        app.command()(command)
