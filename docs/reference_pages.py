"""Reference pages made from the code, as Markdown. Nothing that is written by hand belongs here."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import dagster as dg
from fastapi import FastAPI
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

import resources
from ticket_assets.definitions import build_definitions
from ticketing.access.admin_actions import WAYS, Way
from ticketing.app.cli import app
from ticketing.app.web.app import DESCRIPTION, ROUTERS
from ticketing.app.web.openapi import complete_openapi
from ticketing.platform.cli.lazy_group import LazyGroup
from ticketing.platform.settings import Settings

Command = TyperCommand | TyperGroup
CREDENTIALS = {
    "bearer": "an API key",
    "header": "an API key",
    "order token": "an order token (`X-Order-Token`)",
}
Parameter = TyperArgument | TyperOption


def command_line() -> Command:
    """Return the command line as a tree of commands, all of them loaded."""
    root = get_command(app)
    if isinstance(root, LazyGroup):
        root.load_all()
    return root


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
    for path, command in leaves(command_line(), ("ticketing",)):
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


def admin_actions_page() -> str:
    """Return the page of what only an administrator may do."""
    rows = [(action, f"`{way.command}`", _operation(way)) for action, way in WAYS.items()]
    return "\n\n".join((
        "# Administrators only",
        (
            "Generated from `ticketing/access/admin_actions.py`. Users and API keys need the role"
            " `admin` for these operations of the HTTP API. A command asks for no user: whoever may"
            " run it has the database and the secret."
        ),
        table(("action", "command", "HTTP API"), rows),
    ))  # fmt: skip


def _operation(way: Way) -> str:
    if not way.operation:
        return "not offered"
    return f"`{way.operation}`" + (f" with `{way.only_with}`" if way.only_with else "")


def leaves(command: Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield every command that does something, with the words that lead to it."""
    subcommands: dict[str, Command] = getattr(command, "commands", {})
    if not subcommands:
        yield path, command
    for name, subcommand in subcommands.items():
        yield from leaves(subcommand, (*path, name))


def parameter_row(parameter: Parameter) -> tuple[str, str, str]:
    """Return an argument's or option's spelling, default and help text."""
    option = parameter.param_type_name == "option"
    name = (parameter.metavar or parameter.name or "").upper()
    spellings = [*parameter.opts, *parameter.secondary_opts] if option else [name]
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
    complete_openapi(service)
    return service.openapi()


def http_api_page(schema: dict[str, Any]) -> str:
    """Return the page of all HTTP operations, by tag."""
    tags: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            tags.setdefault(operation["tags"][0], []).append(
                operation_text(path, method, operation, schema["components"]["schemas"])
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


def operation_text(
    path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]
) -> str:
    """Return one operation: what it does, its parameters, its body and its answers."""
    parts = [f"### {method.upper()} {path}", operation.get("description", operation["summary"])]
    if "security" in operation:
        names = {name for scheme in operation["security"] for name in scheme}
        parts.append(f"Authentication: {' or '.join(sorted({CREDENTIALS[n] for n in names}))}.")
    rows = [
        (f"`{given['name']}`", given["in"], given.get("description", ""))
        for given in operation.get("parameters", [])
    ]
    if rows:
        parts.append(table(("parameter", "in", "meaning"), rows))
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body: `{media}`")
        fields = field_rows(body["schema"], schemas)
        if fields:
            parts.append(table(("field", "type", "meaning"), fields))
    answers = [
        (status, answer["description"], ", ".join(answer.get("content", {})))
        for status, answer in sorted(operation["responses"].items())
    ]
    parts.append(table(("status", "meaning", "media type"), answers))
    return "\n\n".join(parts)


def field_rows(
    schema: dict[str, Any], schemas: dict[str, Any], prefix: str = ""
) -> list[tuple[str, str, str]]:
    """Return the fields of an object, with those of the objects in it."""
    found = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    rows = []
    for name, field in found.get("properties", {}).items():
        kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
        many = any(kind.get("type") == "array" for kind in kinds)
        required = "" if name in found.get("required", []) else ", optional"
        types = " or ".join(dict.fromkeys(kind.get("type", "object") for kind in kinds))
        rows.append((f"`{prefix}{name}`", types + required, field.get("description", "")))
        for kind in kinds:
            within = f"{prefix}{name}{'[]' if many else ''}."
            rows += field_rows(kind.get("items", kind), schemas, within)
    return rows


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
    sensors = [
        (f"`{sensor.name}`", (sensor.description or "").partition("\n")[0])
        for sensor in built.sensors or ()
    ]
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
