"""`ticketing migrate` and `ticketing run`: the database itself, and others' work on it."""

import sys
from typing import Annotated

import typer

from ticketing.cli.console import office, screen


def migrate(
    *, check: Annotated[bool, typer.Option(help="Only compare schema and migrations.")] = False
) -> None:
    """Bring the database to the newest schema."""
    from ticketing.office import ensure_dagster_database
    from ticketing.store import migrate as migrations

    with office(migrated=False) as opened:
        migrations.upgrade(opened.database)
        ensure_dagster_database(opened)
        if check:
            migrations.check(opened.database)
        screen().print("the database has the newest schema")


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

    from ticketing.office import prepare_dagster_home

    with office() as opened:
        code = subprocess.run(command, check=False, env=prepare_dagster_home(opened)).returncode  # noqa: S603 - the caller's own command
    sys.exit(code)


COMMANDS = (migrate, run)
