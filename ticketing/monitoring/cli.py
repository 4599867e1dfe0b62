"""`ticketing incidents`: list."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_list

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_incidents(
    *,
    include_resolved: Annotated[
        bool, typer.Option("--all", help="Include resolved incidents.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List open incidents, grouped by cause."""
    from ticketing.platform.db import incidents

    with open_application() as application, application.database.transaction() as connection:
        listed = (
            incidents.list_latest(connection)
            if include_resolved
            else incidents.list_open(connection)
        )
    print_list(
        listed,
        {
            "last seen": lambda incident: incident.last_seen_at,
            "count": lambda incident: incident.occurrences,
            "resolved": lambda incident: incident.resolved_at,
            "incident": lambda incident: incident.message,
        },
        as_json=as_json,
        empty="No incidents." if include_resolved else "No open incidents.",
    )
