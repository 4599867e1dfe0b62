"""`ticketing import`: a roster from a file, or from the operator's own table."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_counts, print_json, print_text

if TYPE_CHECKING:
    from ticketing.roster.import_result import ImportResult
    from ticketing.roster.import_roster import RosterSource


def import_roster(  # noqa: PLR0913 - one parameter per option
    slug: EventOption,
    file: Annotated[
        Path | None, typer.Argument(help="A CSV file or a workbook.", show_default=False)
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; import nothing.")
    ] = False,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="Use this column: column=field (repeatable).")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Do not use this column (repeatable).")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Keep this column for templates and exports (repeatable)."),
    ] = None,
    header_row: Annotated[
        int | None, typer.Option(min=1, help="Line of the column names; default: detected.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the file; default: detected.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter of the file; default: detected.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook; default: the only one with rows.")
    ] = None,
    withdraw_absent: Annotated[
        bool, typer.Option("--withdraw-absent", help="Withdraw people who are not in the file.")
    ] = False,
    apply_holder_changes: Annotated[
        bool,
        typer.Option("--apply-holder-changes", help="Allow other names on live tickets."),
    ] = False,
    clear_empty: Annotated[
        bool, typer.Option("--clear-empty", help="Let empty cells clear stored values.")
    ] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            help="CSV for rejected rows; default: rejected/EVENT/FILE.rejected.csv in"
            " TICKETING_DATA."
        ),
    ] = None,
    allow_rejected: Annotated[
        bool, typer.Option("--allow-rejected", help="Exit with 0 if rows were rejected.")
    ] = False,
    sql: Annotated[
        str | None, typer.Option(help="Query of your own database, instead of a file.")
    ] = None,
    sql_url_env: Annotated[
        str,
        typer.Option(help="Variable ROSTER_… with the URL of that database."),
    ] = "ROSTER_DATABASE_URL",
    as_json: JsonOption = False,
) -> None:
    """Import a roster from a file or a query.

    The file is CSV or a workbook: .xlsx, .xls or .ods. Importing it again changes nothing; changed
    rows are updated. Nobody is withdrawn without --withdraw-absent, and no live ticket gets another
    name without --apply-holder-changes. Exit code 1 when rows were rejected, in a dry run too.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.platform.cli.progress import count_progress
    from ticketing.roster import import_roster as service
    from ticketing.roster.erased_contacts import ErasedContacts
    from ticketing.roster.import_result import ImportOptions
    from ticketing.roster.sources.query_address import roster_query
    from ticketing.roster.sources.roster_file import roster_file

    _check_source(file, sheet, sql)
    options = ImportOptions(
        mapping=_parse_mapping(mapping or []),
        ignored=ignore or (),
        kept=keep or (),
        header_row=header_row,
        encoding=encoding,
        delimiter=None if delimiter is None else delimiter.replace("\\t", "\t"),
        dry_run=dry_run,
        withdraw_absent=withdraw_absent,
        apply_holder_changes=apply_holder_changes,
        clear_empty=clear_empty,
    )
    with (
        open_event(slug) as (application, event),
        count_progress(quiet=as_json, unit=" rows") as show,
    ):
        if file is not None:
            source: RosterSource = roster_file(file, sheet)
        else:
            own = (application.url, application.dagster_url)
            source = roster_query(sql_url_env, sql or "", os.environ, own=own)
        folder = application.settings.rejected_rows_folder / event.slug
        rejected_path = quarantine or folder / f"{file.stem if file else 'sql'}.rejected.csv"
        result = service.import_roster(
            application.database, event, source,
            options=replace(
                options, quarantine_path=rejected_path,
                quarantine_delimiter=application.settings.csv_delimiter_character,
            ),
            at=now(), by=actor(),
            progress=lambda rows, counts: show("writing" if counts.rows else "reading", rows),
            erased=ErasedContacts(application.get(KeyRing)),
        )  # fmt: skip
    if as_json:
        print_json(result.as_dict())
    else:
        _print_result(result, rejected_path)
    raise typer.Exit(1 if result.counts.quarantined and not allow_rejected else 0)


def _check_source(file: Path | None, sheet: str | None, sql: str | None) -> None:
    if (file is None) == (sql is None):
        raise typer.BadParameter("name either a file or a query with --sql")
    if sheet is not None and file is None:
        raise typer.BadParameter("a query has no sheets", param_hint="--sheet")


def _parse_mapping(pairs: list[str]) -> dict[str, str]:
    split = [pair.rpartition("=") for pair in pairs]
    for pair, (column, _, field) in zip(pairs, split, strict=True):
        if not column or not field:
            raise typer.BadParameter(f"{pair!r}: write column=field", param_hint="--map")
    return {column.strip(): field.strip() for column, _, field in split}


def _print_result(result: "ImportResult", rejected_path: Path) -> None:
    from ticketing.roster.import_result import (
        format_changes,
        format_rejected_rows,
        format_row_warnings,
        format_source_format,
    )
    from ticketing.roster.plan.import_impact import format_impact

    prefix = "would be " if result.dry_run else ""
    counts = {
        f"{prefix}inserted": result.counts.inserted,
        f"{prefix}updated": result.counts.updated,
        "unchanged": result.counts.unchanged,
        f"{prefix}rejected": result.counts.quarantined,
        "total": result.total,
    }
    print_counts(f"{result.source} -> {result.event}", counts)
    print_text(
        f"Read {format_source_format(result)}; {result.seconds:.1f} s,"
        f" {result.total / result.seconds:,.0f} rows/s."
    )
    if result.ignored_columns:
        print_text(f"Columns not used: {', '.join(result.ignored_columns)}")
    print_text(*(f"Warning: {warning}" for warning in result.warnings))
    print_text(*format_row_warnings(result))
    print_text(*format_impact(result.impact, result.event))
    print_text(*format_changes(result))
    print_text(*format_rejected_rows(result))
    if result.counts.quarantined:
        print_text(f"To correct rejected rows, edit {rejected_path} and import that file.")
    if result.withdrawal.people:
        print_text(
            f"{result.withdrawal.people:,} people who are not in the file"
            f" {prefix or 'were '}withdrawn; {result.withdrawal.tickets.live:,} of them have"
            " a live ticket."
        )
