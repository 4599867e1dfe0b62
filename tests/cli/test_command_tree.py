"""Conventions of all commands: help texts, `--event`, `--json`, and pages that name them."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from typer.main import get_command

from ticketing.app.cli import ENTRIES, app
from ticketing.platform.paths import PROJECT_ROOT

WITHOUT_JSON = {"up", "serve", "worker", "run"}  # processes that run until they are stopped


@cache
def commands() -> dict[str, Any]:
    """Return all commands by the words that lead to them."""
    root: Any = get_command(app)
    root.load_all()
    return dict(leaves(root, ()))


def leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield every command that is not a group."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield " ".join(path), command
        return
    for name, subcommand in subcommands.items():
        yield from leaves(subcommand, (*path, name))


def first_paragraph(text: str) -> str:
    """Return the part of a help text that lists show."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def test_the_help_of_a_single_command_is_its_line_in_the_list() -> None:
    single = {entry.name: entry.help for entry in ENTRIES if entry.name in commands()}

    assert len(single) >= 12
    assert {name: first_paragraph(commands()[name].help) for name in single} == single


def test_every_command_and_every_parameter_has_a_help_text_without_markup() -> None:
    texts = {
        f"{name} {parameter.name}": getattr(parameter, "help", None)
        for name, command in commands().items()
        for parameter in command.params
    } | {name: command.help for name, command in commands().items()}

    assert [name for name, text in texts.items() if not text or "[" in text] == []
    unfinished = [
        name for name, text in texts.items() if not str(text).rstrip().endswith((".", "…"))
    ]
    assert unfinished == []


def test_the_event_is_always_an_option() -> None:
    named_event = {
        name: parameter.opts
        for name, command in commands().items()
        for parameter in command.params
        if "event" in (parameter.name, *(option.strip("-") for option in parameter.opts))
    }

    assert len(named_event) > 20
    assert {tuple(options) for options in named_event.values()} == {("--event", "-e")}


def test_every_command_that_ends_can_print_json() -> None:
    without = {
        name
        for name, command in commands().items()
        if not any("--json" in parameter.opts for parameter in command.params)
    }

    assert without == WITHOUT_JSON


@pytest.mark.parametrize("name", [name for name, *_ in ENTRIES])
def test_every_command_is_in_a_page(name: str) -> None:
    folders = [PROJECT_ROOT / "docs" / part for part in ("how-to", "tutorial", "reference")]
    pages = [page for folder in folders for page in folder.glob("*.md")]

    assert any(f"ticketing {name}" in page.read_text(encoding="utf-8") for page in pages)
