"""Pages of the site that are made from the code: mkdocs loads this module and builds them.

Nothing here is committed as a page. What a page says by hand does not belong here.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import dagster as dg
from fastapi import FastAPI
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.main import get_command

import resources
from ticket_assets.definitions import build_definitions
from ticketing.cli.app import app
from ticketing.settings import Settings
from ticketing.web.app import DESCRIPTION, ROUTERS

LOG = logging.getLogger("mkdocs.hooks.reference")
ROOT = Path(__file__).resolve().parent.parent
PAGES_OUTSIDE = ("README.md", "CONTRIBUTING.md")
CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"\bticketing((?: (?!--? )[^\s|;&()'\"`]+)+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that were found in the folder."""
    schema = openapi()
    for name, content in {
        "commands.md": commands_page(),
        "http-api.md": http_api_page(schema),
        "openapi.json": json.dumps(schema, indent=1),
        "settings.md": settings_page(),
        "pipeline.md": pipeline_page(),
    }.items():
        files.append(File.generated(config, f"reference/{name}", content=content))
    if config.extra.get("check_commands"):
        for name in PAGES_OUTSIDE:
            warn_of_unknown_commands(name, (ROOT / name).read_text(encoding="utf-8"))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Compare the commands that a page names with those that exist."""
    if config.extra.get("check_commands") and not page.file.generated_by:
        warn_of_unknown_commands(page.file.src_uri, markdown)
    return markdown


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table; a cell keeps to its line and its column."""
    lines = [head, ("---",) * len(head), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def commands_page() -> str:
    """Return the page of all commands, in the order of `ticketing --help`."""
    parts = [
        "# Commands",
        (
            "Generated from `ticketing --help`. Exit codes: 0 success, 1 at least one item failed,"
            " 2 usage error. `--json` prints the result as JSON."
        ),
    ]
    for path, command in leaves(get_command(app), ("ticketing",)):
        context = command.context_class(command, info_name=" ".join(path))
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [
            f"## {' '.join(path[1:])}",
            (command.help or "").strip(),
            f"```\n{' '.join(path)} {usage}\n```",
        ]
        rows = [parameter_row(parameter) for parameter in command.params]
        if rows:
            parts.append(table(("parameter", "default", "meaning"), rows))
    return "\n\n".join(parts)


def leaves(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that does something, with the words that lead to it."""
    subcommands: dict[str, click.Command] = getattr(command, "commands", {})
    if not subcommands:
        yield path, command
    for name, subcommand in subcommands.items():
        yield from leaves(subcommand, (*path, name))


def parameter_row(parameter: click.Parameter) -> tuple[str, str, str]:
    """Return an argument's or option's spelling, default and help text."""
    option = parameter.param_type_name == "option"
    spellings = (
        [*parameter.opts, *parameter.secondary_opts] if option else [parameter.human_readable_name]
    )
    default = parameter.default
    shown = "" if callable(default) or default in (None, False, (), []) else f"`{default}`"
    return (
        ", ".join(f"`{spelling}`" for spelling in spellings),
        "required" if parameter.required else shown,
        getattr(parameter, "help", None) or "",
    )


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of the web service."""
    service = FastAPI(
        title="Ticket assets", version=version("ticket-assets"), description=DESCRIPTION
    )
    for router in ROUTERS:
        service.include_router(router)
    return service.openapi()


def http_api_page(schema: dict[str, Any]) -> str:
    """Return the page of all HTTP operations, by tag."""
    tags: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            tags.setdefault(operation["tags"][0], []).append(
                operation_text(path, method, operation)
            )
    parts = [
        "# HTTP API",
        (
            "Generated from the [OpenAPI document](openapi.json). A running service serves the"
            " document at `/openapi.json` and an interactive page at `/docs`."
        ),
        schema["info"]["description"].strip(),
    ]
    for tag, texts in tags.items():
        parts += [f"## {tag}", *texts]
    return "\n\n".join(parts)


def operation_text(path: str, method: str, operation: dict[str, Any]) -> str:
    """Return one operation: what it does, its parameters, its body and its answers."""
    parts = [f"### {method.upper()} {path}", operation.get("description", operation["summary"])]
    if "security" in operation:
        names = sorted({name for scheme in operation["security"] for name in scheme})
        parts.append(f"Authentication: {', '.join(names)}.")
    rows = [
        (f"`{given['name']}`", given["in"], given.get("description", ""))
        for given in operation.get("parameters", [])
    ]
    if rows:
        parts.append(table(("parameter", "in", "meaning"), rows))
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body: `{media}`, `{type_name(body['schema'])}`.")
    answers = [
        (status, answer["description"], ", ".join(answer.get("content", {})))
        for status, answer in sorted(operation["responses"].items())
    ]
    parts.append(table(("status", "meaning", "media type"), answers))
    return "\n\n".join(parts)


def type_name(schema: dict[str, Any]) -> str:
    """Return a schema's name, or its type where it has none."""
    return str(schema.get("$ref", schema.get("type", "any"))).rpartition("/")[2]


def settings_page() -> str:
    """Return the page of all environment variables."""
    rows = []
    for field in Settings.model_fields.values():
        plain = isinstance(field.default, str | int | float) and field.default != ""
        default = f"`{field.default}`" if plain else ""
        rows.append((f"`{field.validation_alias}`", default, field.description or ""))
    return "\n\n".join(
        [
            "# Settings",
            (
                "Generated from the settings class. Set a variable in the environment or in a file"
                " `.env`; `.env.example` lists all of them."
            ),
            table(("variable", "default", "meaning"), rows),
        ]
    )


def pipeline_page() -> str:
    """Return the page of Dagster's assets, checks, jobs, sensors and schedules."""
    built = build_definitions(resources.from_environment())
    assets = [
        (name_of(spec), spec.group_name or "", spec.description or "")
        for asset in built.assets or ()
        for spec in getattr(asset, "specs", [asset])
    ]
    checks = [
        (f"`{spec.name}`", f"`{spec.asset_key.to_user_string()}`", spec.description or "")
        for checks in built.asset_checks or ()
        for spec in checks.check_specs
    ]
    jobs = [(f"`{job.name}`", job.description or "") for job in built.jobs or ()]
    sensors = [(f"`{sensor.name}`", first_line(sensor)) for sensor in built.sensors or ()]
    schedules = [
        (
            f"`{item.name}`",
            f"`{item.cron_schedule}`",
            item.default_status.value,
            f"`{item.job_name}`",
        )
        for item in built.schedules or ()
    ]
    return "\n\n".join(
        [
            "# Pipeline",
            "Generated from the Dagster definitions. Schedules run in Asia/Jakarta.",
            "## Assets",
            table(("asset", "group", "what it is"), assets),
            "## Asset checks",
            table(("check", "asset", "condition"), checks),
            "## Jobs",
            table(("job", "what it does"), jobs),
            "## Sensors",
            table(("sensor", "what it does"), sensors),
            "## Schedules",
            table(("schedule", "cron", "default status", "job"), schedules),
        ]
    )


def name_of(spec: dg.AssetSpec) -> str:
    """Return an asset's name as code."""
    return f"`{spec.key.to_user_string()}`"


def first_line(sensor: dg.SensorDefinition) -> str:
    """Return a sensor's description, else the first line of its function's docstring."""
    function = getattr(sensor, "_raw_fn", None)
    return sensor.description or (getattr(function, "__doc__", None) or "").strip().split("\n")[0]


def warn_of_unknown_commands(page: str, markdown: str) -> None:
    """Warn of each call in code that `ticketing` would refuse; a strict build then fails."""
    for code in CODE.finditer(markdown):
        for call in CALL.finditer((code[1] or code[2]).replace("\\\n", " ")):
            mistake = mistake_in(call[1].split())
            if mistake:
                LOG.warning("%s: `ticketing%s`: %s", page, call[1], mistake)


def mistake_in(words: list[str]) -> str | None:
    """Return what is wrong with the words after `ticketing`; None if nothing is."""
    command: click.Command = get_command(app)
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    for word in words:
        subcommands: dict[str, click.Command] = getattr(command, "commands", {})
        if not subcommands or word.startswith("-"):
            break
        if word not in subcommands:
            return f"no command {word!r}"
        command = subcommands[word]
    known = {name for given in command.params for name in (*given.opts, *given.secondary_opts)}
    known |= {"--", "-", "-h", "--help", "-c"}
    if getattr(command, "name", "") == "run":
        return None
    return next((f"no option {option}" for option in options if option not in known), None)
