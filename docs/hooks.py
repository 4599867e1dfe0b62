"""Hooks that mkdocs calls: they add the generated pages, and check the names in all others.

What a generated page says is in `reference_pages`.
"""

import json
import logging
import re
import shlex
from pathlib import Path
from typing import Any

import reference_pages as pages
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LOG = logging.getLogger("mkdocs.hooks.reference")
ROOT = Path(__file__).resolve().parent.parent
PAGES_OUTSIDE = ("README.md", "CONTRIBUTING.md")
BLOCK = re.compile(r"^[ ]*```[^\n]*\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"(^|[ |])ticketing [a-z]")
INLINE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"[A-Z]+(_[A-Z]+)+")
OTHER_VARIABLES = {
    "ROSTER_DATABASE_URL",
    "ROUTER_PASSWORD",
    "POSTGRES_PASSWORD",
    "DAGSTER_HOME",
}
# typer contains its own click, and exports of its usage errors only this subclass
USAGE_ERROR: Any = typer.BadParameter.__base__


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that were found in the folder."""
    schema = pages.openapi()
    for name, content in {
        "commands.md": pages.commands_page(),
        "admin-actions.md": pages.admin_actions_page(),
        "http-api.md": pages.http_api_page(schema),
        "openapi.json": json.dumps(schema, indent=1),
        "settings.md": pages.settings_page(),
        "pipeline.md": pages.pipeline_page(),
    }.items():
        files.append(File.generated(config, f"reference/{name}", content=content))
    if config.extra.get("check_names"):
        for name in PAGES_OUTSIDE:
            warn_of_mistakes(name, (ROOT / name).read_text(encoding="utf-8"))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Compare the commands and settings that a page names with those that exist."""
    if config.extra.get("check_names") and not page.file.generated_by:
        warn_of_mistakes(page.file.src_uri, markdown)
    return markdown


def warn_of_mistakes(page: str, markdown: str) -> None:
    """Warn of each command and setting in code that does not exist; a strict build then fails."""
    for block in BLOCK.findall(markdown):
        for line in block.replace("\\\n", " ").splitlines():
            if not CALL.search(line):
                continue
            words = shlex.split(line.partition("|")[2] if line.startswith("echo") else line)
            while words and "=" in words[0]:
                words = words[1:]
            if words[:1] == ["ticketing"]:
                warn(page, line, mistake_in(words[1:], complete=True))
    for code in INLINE.findall(BLOCK.sub("", markdown)):
        if code.startswith("ticketing "):
            warn(page, code, mistake_in(code.split()[1:], complete=False))
        elif VARIABLE.fullmatch(code) and code not in OTHER_VARIABLES:
            known = {field.validation_alias for field in pages.Settings.model_fields.values()}
            warn(page, code, None if code in known else "no such setting")


def warn(page: str, code: str, mistake: str | None) -> None:
    """Report a mistake, if there is one, as mkdocs counts it."""
    if mistake:
        LOG.warning("%s: `%s`: %s", page, code, mistake)


def mistake_in(words: list[str], *, complete: bool) -> str | None:
    """Return what the command line would object to in these words; None if nothing.

    A line of a code block is complete and is parsed; inline code may leave out arguments.
    """
    command: pages.Command = pages.command_line()
    rest = list(words)
    while rest and (subcommands := getattr(command, "commands", {})):
        if rest[0] not in subcommands:
            return None if rest[0].startswith("-") else f"no command {rest[0]!r}"
        command = subcommands[rest.pop(0)]
    if not complete:
        known = {name for given in command.params for name in (*given.opts, *given.secondary_opts)}
        unknown = [word for word in rest if word.startswith("--") and word not in known]
        return f"no option {unknown[0]}" if unknown else None
    try:
        command.make_context("ticketing", rest)
    except USAGE_ERROR as error:
        message = error.format_message()
        return None if "does not exist" in message else message
    except typer.Exit:
        return None
    return None
