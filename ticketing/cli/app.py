"""All commands under one name, in the order a person meets them."""

import typer

from ticketing.cli import (
    database,
    events,
    gate,
    generating,
    health,
    importing,
    questions,
    running,
    serving,
)

app = typer.Typer(
    name="ticketing",
    help="Who is owed a ticket, its making and its proof - from the command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(events.app, name="events")
app.add_typer(serving.app, name="api-keys")
for module in (importing, questions, generating, gate, health, database, running, serving):
    for command in module.COMMANDS:
        app.command()(command)
