"""A group that imports the module of a command when the command is used.

`ticketing --help` lists thirty commands; importing all their modules would double its time.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Entry(NamedTuple):
    """A line of the help: a command or a group of commands."""

    name: str
    target: str  # module:attribute, of a function or a `typer.Typer`
    panel: str
    help: str


class LazyGroup(TyperGroup):
    """List entries in their order; load one of them when it is used."""

    entries: tuple[Entry, ...] = ()

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - those of any group
        super().__init__(**attributes)
        self.commands = {
            entry.name: TyperCommand(entry.name, help=entry.help, rich_help_panel=entry.panel)
            for entry in self.entries
        }
        self._loaded: set[str] = set()
        self._lists_only = False

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> type["LazyGroup"]:
        """Return a group class with these entries."""
        return type(cls.__name__, (cls,), {"entries": tuple(entries)})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own click
        """Return all names in order."""
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - typer's own click
        """Return a command, loaded except while the help lists all."""
        if cmd_name in self.commands and not self._lists_only:
            self.load(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own click
        """Write the help from the entries alone."""
        self._lists_only = True
        super().format_help(ctx, formatter)
        self._lists_only = False

    def load(self, name: str) -> None:
        """Import the module of an entry and put its command into `commands`."""
        if name in self._loaded:
            return
        entry = next(entry for entry in self.entries if entry.name == name)
        module, _, attribute = entry.target.partition(":")
        target = getattr(import_module(module), attribute)
        parent = typer.Typer(rich_markup_mode="rich")
        if isinstance(target, typer.Typer):
            parent.add_typer(target, name=name, help=entry.help, rich_help_panel=entry.panel)
        else:
            parent.command(name, rich_help_panel=entry.panel)(target)
        self.commands[name] = get_group(parent).commands[name]
        self._loaded.add(name)

    def load_all(self) -> None:
        """Load every entry, for generated documentation."""
        for entry in self.entries:
            self.load(entry.name)
