"""What every command shares: the open office, who is asking, and how things are shown."""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ticketing.office import Office
    from ticketing.settings import Settings

INTERRUPTED = 130  # as shells say it

EventOption = Annotated[
    str, typer.Option("--event", "-e", help="The event's slug or number.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings() -> "Settings":
    """The environment; a wrong variable is named with its value's fault."""
    from pydantic import ValidationError

    from ticketing.domain.errors import Misconfigured
    from ticketing.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise Misconfigured(f"the environment (or .env) cannot be used: {faults}") from error


@contextmanager
def office(*, migrated: bool = True) -> Iterator["Office"]:
    """The open office, logging to its file; `migrated` wants the newest schema."""
    from ticketing import logs
    from ticketing.office import ensure_schema, open_office

    current = settings()
    logs.configure(current.log_level, current.logs)
    with open_office(current) as opened:
        if migrated:
            ensure_schema(opened)
        try:
            yield opened
        except KeyboardInterrupt:
            typer.echo("\nstopped; what is done is kept, the same command goes on", err=True)
            raise typer.Exit(INTERRUPTED) from None


def actor() -> str:
    """Who is asking, for the audit log."""
    return f"cli:{getpass.getuser()}"


def now() -> datetime:
    """The command line is one of the doors that may ask the clock."""
    return datetime.now(UTC)


def screen() -> "Console":
    """Standard output for people."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def listing(*headings: str, show_footer: bool = False) -> "Table":
    """A table that fits a narrow terminal by wrapping: what stands in it is there to be copied."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, show_footer=show_footer)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_json(value: object) -> None:
    """Standard output for machines: one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
