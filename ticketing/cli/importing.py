"""`ticketing import`: a roster from a file, or from the operator's own table."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import (
    EventOption,
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    screen,
)

if TYPE_CHECKING:
    from ticketing.actions.import_result import ImportResult
    from ticketing.actions.import_roster import Source


def import_(  # noqa: PLR0913 - a command has as many options as it has
    event: EventOption,
    file: Annotated[Path | None, typer.Argument(help="A CSV file.", show_default=False)] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen.")] = False,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="column=field, as often as needed.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Instead of the one found out.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Instead of the one found out.")] = None,
    withdraw_absent: Annotated[
        bool, typer.Option("--withdraw-absent", help="Whoever is not in it loses the entitlement.")
    ] = False,
    quarantine: Annotated[
        Path | None, typer.Option(help="CSV of the rows kept aside; beside the file if not said.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option(help="A query in your own database, instead of a file.")
    ] = None,
    sql_url_env: Annotated[
        str, typer.Option(help="The variable that holds that database's address.")
    ] = "ROSTER_DATABASE_URL",
    as_json: JsonOption = False,
) -> None:
    """Import a roster from a CSV file or a query.

    The same again changes nothing, a changed one updates; nobody is deleted unasked.
    """
    from ticketing.actions.import_result import ImportOptions
    from ticketing.actions.import_roster import import_roster
    from ticketing.cli.progress import reading
    from ticketing.store.events import find_event

    source = _source(file, sql, sql_url_env)
    options = ImportOptions(
        mapping=_mapping(mapping or []),
        encoding=encoding,
        delimiter=None if delimiter is None else delimiter.replace("\\t", "\t"),
        dry_run=dry_run,
        withdraw_absent=withdraw_absent,
        quarantine_path=quarantine or (file and file.with_name(f"{file.stem}.quarantine.csv")),
    )
    with open_application() as application:
        known = find_event(application.database, event)
        with reading(quiet=as_json) as progress:
            done = import_roster(
                application.database, known, source, options=options, at=now(), by=actor(),
                progress=progress,
            )  # fmt: skip
    if as_json:
        print_json(done.as_dict())
    else:
        _show(done, options.quarantine_path)
    sys.exit(0)


def _source(file: Path | None, sql: str | None, variable: str) -> "Source":
    from ticketing.gateways.roster_files import RosterFile
    from ticketing.gateways.roster_sql import RosterQuery

    if (file is None) == (sql is None):
        raise typer.BadParameter("name either a CSV file or a query with --sql")
    if file is not None:
        return RosterFile(file)
    url = os.environ.get(variable, "")
    if not url:
        raise typer.BadParameter(f"{variable} is empty: put your database's address there")
    return RosterQuery(url, sql or "")


def _mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.rpartition("=") for pair in pairs]
    for pair, (column, _, field) in zip(pairs, split, strict=True):
        if not column or not field:
            raise typer.BadParameter(f"{pair!r}: write column=field", param_hint="--map")
    return {column.strip(): field.strip() for column, _, field in split}


def _show(done: "ImportResult", quarantine: Path | None) -> None:
    from rich.table import Table

    would = "would be " if done.dry_run else ""
    table = Table(title=f"{done.source} -> {done.event}", title_justify="left", min_width=44)
    table.add_column("rows")
    table.add_column("", justify="right")
    for label in ("inserted", "updated", "unchanged", "quarantined"):
        table.add_row(f"{would}{label}", f"{getattr(done, label):,}")
    table.add_section()
    table.add_row("total", f"{done.total:,}")
    out = screen()
    out.print(table)
    out.print(
        f"read as {done.encoding}, columns separated by {done.delimiter!r};"
        f" {done.seconds:.1f} s, {done.total / done.seconds:,.0f} rows/s"
    )
    if done.ignored_columns:
        out.print(f"columns not used: {', '.join(done.ignored_columns)}")
    for warning in done.warnings:
        out.print(f"[yellow]warning[/] {warning}")
    for change in done.changes:
        out.print(
            f"  line {change.line}: {change.person}: {change.field}"
            f" {change.old!r} -> {change.new!r}"
        )
    for row in done.quarantine:
        out.print(f"  line {row.line} quarantined: {row.field} {row.value!r}: {row.reason}")
    if done.quarantined and quarantine:
        out.print(f"mend them in {quarantine} and import that file")
    if done.withdrawal.people:
        out.print(
            f"{done.withdrawal.people:,} people absent from it {would or 'were '}withdrawn,"
            f" {done.withdrawal.with_live_tickets:,} of them with a live ticket"
        )


import_.__name__ = "import"
COMMANDS = (import_,)
