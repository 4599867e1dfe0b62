"""`ticketing migrate`, and `ticketing run` for other programs that use the database."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_result


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Also compare the schema with the migrations.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Upgrade the database schema."""
    from ticketing.app.dagster_home import ensure_dagster_database
    from ticketing.platform.db import migrate as service

    with open_application(migrated=False) as application:
        service.upgrade(application.database)
        ensure_dagster_database(application)
        if check:
            service.check(application.database)
    print_result({"current": True}, "The database has the newest schema.", as_json=as_json)


def run(
    command: Annotated[
        list[str],
        typer.Argument(help="After --: the program and its arguments.", metavar="PROGRAM..."),
    ],
) -> None:
    """Run another program with the database started.

    For example: ticketing run -- sh -c 'psql "$DATABASE_URL"'

    Its environment has DATABASE_URL, DAGSTER_POSTGRES_URL and DAGSTER_HOME.
    """
    import subprocess

    from ticketing.app.dagster_home import prepare_dagster_home

    with open_application() as application:
        environment = prepare_dagster_home(application)
        done = subprocess.run(command, check=False, env=environment)  # noqa: S603 - given by the caller
    raise typer.Exit(done.returncode)
