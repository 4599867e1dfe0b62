"""The open application, the actor and the clock of a command."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from ticketing.platform.cli.interrupts import (
    EXIT_INTERRUPTED,
    exit_on_interrupt,
    raise_on_interrupt,
)

if TYPE_CHECKING:
    from ticketing.platform.application import Application, ApplicationLoader


class _Configured:
    """The application loader, set once per process."""

    loader: "ApplicationLoader | None" = None


def set_loader(loader: "ApplicationLoader") -> None:
    """Set the loader that opens the application for every command."""
    _Configured.loader = loader


def get_loader() -> "ApplicationLoader":
    """Return the application loader; `ticketing.app.cli` sets it."""
    if _Configured.loader is None:
        raise RuntimeError("no loader was set: import ticketing.app.cli")
    return _Configured.loader


@contextmanager
def open_application(*, migrated: bool = True) -> Iterator["Application"]:
    """Open the application for one command; `migrated` requires the newest schema."""
    raise_on_interrupt()
    try:
        with get_loader().open(migrated=migrated) as application:
            yield application
    except KeyboardInterrupt:
        exit_on_interrupt()
        typer.echo("\nstopped; what is done is kept, the same command goes on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def actor() -> str:
    """Return the actor for the audit log."""
    return f"cli:{getpass.getuser()}"


def now() -> datetime:
    """Return the current time. Only the outermost layers read the clock."""
    return datetime.now(UTC)
