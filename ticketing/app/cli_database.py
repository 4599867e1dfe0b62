"""`ticketing migrate` and `ticketing run`: the database itself, and others' work on it."""

import sys
from typing import Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.output import stdout_console


def migrate(
    *, check: Annotated[bool, typer.Option(help="Only compare schema and migrations.")] = False
) -> None:
    """Bring the database to the newest schema."""
    from ticketing.app.dagster_home import ensure_dagster_database
    from ticketing.platform.db import migrate as migrate_module

    with open_application(migrated=False) as application:
        migrate_module.upgrade(application.database)
        ensure_dagster_database(application)
        if check:
            migrate_module.check(application.database)
        stdout_console().print("the database has the newest schema")


def run(
    command: Annotated[
        list[str], typer.Argument(help="After `--`: the command and its arguments.")
    ],
) -> None:
    """Run another command with the database up.

    The addresses are in its environment: DATABASE_URL, DAGSTER_POSTGRES_URL, DAGSTER_HOME.

    For example `ticketing run -- psql "$DATABASE_URL"`, or Dagster's own commands.
    """
    import subprocess

    from ticketing.app.dagster_home import prepare_dagster_home

    with open_application() as application:
        environment = prepare_dagster_home(application)
        done = subprocess.run(command, check=False, env=environment)  # noqa: S603 - the caller's own command
    sys.exit(done.returncode)


COMMANDS = (migrate, run)
