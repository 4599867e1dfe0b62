"""What every command shares: the open application, who is asking, and how things are shown."""

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

    from ticketing.application import Application, ApplicationLoader

INTERRUPTED = 130  # as shells say it

EventOption = Annotated[
    str, typer.Option("--event", "-e", help="The event's slug or number.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class _Configured:
    """Keep what `use` was given."""

    loader: "ApplicationLoader | None" = None


def use(loader: "ApplicationLoader") -> None:
    """Set what opens the application for every command."""
    _Configured.loader = loader


def loader() -> "ApplicationLoader":
    """Return what opens the application; `ticketing.cli.app` sets it."""
    if _Configured.loader is None:
        raise RuntimeError("no loader was set: import ticketing.cli.app")
    return _Configured.loader


@contextmanager
def open_application(*, migrated: bool = True) -> Iterator["Application"]:
    """Open the application for one command; `migrated` requires the newest schema."""
    with loader().open(migrated=migrated) as application:
        try:
            yield application
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
