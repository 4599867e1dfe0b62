"""`ticketing incidents`: list, resolve."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, print_list, print_result

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_incidents(
    *,
    include_resolved: Annotated[
        bool, typer.Option("--all", help="Include resolved incidents.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List open incidents, one line per cause; --json lists each event's."""
    from ticketing.platform.db import incidents
    from ticketing.platform.db.incident_groups import group_by_cause

    with open_application() as application, application.database.transaction() as connection:
        listed = (
            incidents.list_latest(connection)
            if include_resolved
            else incidents.list_open(connection)
        )
    if as_json:
        print_json(listed)
        return
    print_list(
        group_by_cause(listed),
        {
            "last seen": lambda group: group.last_seen_at,
            "count": lambda group: group.occurrences,
            "resolved": lambda group: group.resolved_at,
            "cause": lambda group: group.cause,
            "incident": lambda group: group.message,
        },
        as_json=False,
        empty="No incidents." if include_resolved else "No open incidents.",
    )


@app.command("resolve")
def resolve_incidents(
    cause: Annotated[
        str, typer.Argument(help="Cause as `incidents list` prints it.", show_default=False)
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Close the open incidents of a cause that was dealt with; a new occurrence opens it again."""
    from ticketing.platform.db import incident_groups

    with open_application() as application:
        resolved = application.database.run(
            incident_groups.resolve_cause, cause, at=now(), by=actor()
        )
    print_result(
        {"cause": cause, "resolved": resolved}, f"Resolved {resolved} incidents.", as_json=as_json
    )
