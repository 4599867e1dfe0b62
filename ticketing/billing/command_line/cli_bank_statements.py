"""`ticketing bank-statements`: import credits of bank accounts, match them with bills."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, LimitOption, parse_choice
from ticketing.platform.cli.output import print_json, print_list, print_text

if TYPE_CHECKING:
    from ticketing.billing.sync.drive import BillingConnector
    from ticketing.platform.application import Application

app = typer.Typer(no_args_is_help=True)
RowArgument = Annotated[
    int, typer.Argument(metavar="ROW", help="Number of the credit in the list.")
]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX, XLS or ODS.")],
    *,
    mapping: Annotated[Path, typer.Option(metavar="FILE", help="Mapping file of the bank (TOML).")],
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a text file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Import the credits of a statement and match them with bills.

    A credit that an earlier file had is not new; the same file again adds nothing.
    """
    from dataclasses import asdict

    from ticketing.billing.bank_statements import statements
    from ticketing.billing.bank_statements.bank_mapping import load_bank_mapping
    from ticketing.billing.bank_statements.read_statement import read_statement
    from ticketing.roster.sources.table_rows import iter_table

    known = load_bank_mapping(mapping)
    lines = iter_table(file, delimiter=known.delimiter, sheet=sheet, encoding=encoding)
    statement = read_statement(lines, known)
    with open_application() as application:
        done = statements.import_statement(
            application.database, _connector(application).name, statement, known,
            file_name=file.name, by=actor(), at=now(),
        )  # fmt: skip
        _compare_guests(application)
    if as_json:
        print_json(asdict(done))
        return
    print_text(
        f"{done.rows:,} credits of {done.credit:,}, {done.new:,} of them new;"
        f" {done.debits:,} debits and {done.pending:,} pending rows were skipped.",
        f"{done.matched:,} credits got a match now. List the others with"
        " `ticketing bank-statements list --state proposed`.",
    )


@app.command("list")
def list_credits(
    *,
    state: Annotated[
        str | None,
        typer.Option(help="Only matched, proposed, no_match, duplicate or amount_differs."),
    ] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List credits with the bill that they pay or are proposed for, the latest first."""
    from ticketing.billing.bank_statements import row_queries
    from ticketing.billing.bank_statements.judge_row import RowState

    chosen = None if state is None else parse_choice(state, RowState, "--state")
    with open_application() as application:
        rows = application.database.run(
            row_queries.list_rows, _connector(application).name, state=chosen, limit=limit
        )
    print_list(
        rows,
        {
            "row": lambda row: row.id,
            "booked": lambda row: row.booked_on,
            "amount": lambda row: f"{row.amount:,}",
            "text": lambda row: row.text,
            "state": lambda row: row.state,
            "reason": lambda row: row.reason,
            "student": lambda row: row.student or "",
            "bill": lambda row: row.bill or "",
        },
        as_json=as_json,
        empty="No credits.",
    )


@app.command()
def match(
    row: Annotated[
        int | None, typer.Argument(metavar="ROW", help="Number of the credit; without it, all.")
    ] = None,
    *,
    student: Annotated[str | None, typer.Option(help="Id of the student.")] = None,
    bill: Annotated[str | None, typer.Option(help="Reference of the bill at the source.")] = None,
    in_addition: Annotated[
        bool,
        typer.Option("--in-addition", help="The billing system has not counted this payment yet."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Match a credit with a bill, or with the proposed one; without a credit, judge all again.

    What the billing system reports as paid and what is matched are not added up, unless
    --in-addition says that they are different payments.
    """
    from ticketing.billing.bank_statements import statements

    if (student is None) != (bill is None):
        raise typer.BadParameter("give both --student and --bill, or neither")
    if row is None and (student is not None or in_addition):
        raise typer.BadParameter("name the ROW")
    with open_application() as application:
        source = _connector(application).name
        if row is None:
            count = statements.match_undecided(application.database, source, by=actor(), at=now())
        else:
            chosen = None if student is None or bill is None else (student, bill)
            statements.match_by_hand(
                application.database, source, row, bill=chosen, in_addition=in_addition,
                by=actor(), at=now(),
            )  # fmt: skip
            count = 1
        _compare_guests(application)
    if as_json:
        print_json({"matched": count})
    else:
        print_text(f"{count:,} credits got a match.")


@app.command()
def unmatch(
    row: RowArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit log.")],
    as_json: JsonOption = False,
) -> None:
    """Undo a match, or refuse a proposal."""
    from ticketing.billing.bank_statements import statements

    with open_application() as application:
        source = _connector(application).name
        statements.unmatch(application.database, source, row, reason=reason, by=actor(), at=now())
        _compare_guests(application)
    if as_json:
        print_json({"unmatched": row})
    else:
        print_text(f"Credit {row} has no match now.")


@app.command()
def report(*, as_json: JsonOption = False) -> None:
    """Print number and sum of the credits by state."""
    from ticketing.billing.bank_statements import row_queries

    with open_application() as application:
        sums = application.database.run(row_queries.sum_states, _connector(application).name)
    print_list(
        sums,
        {
            "state": lambda one: one.state,
            "credits": lambda one: one.rows,
            "amount": lambda one: f"{one.amount:,}",
        },
        as_json=as_json,
        empty="No credits.",
    )


def _connector(application: "Application") -> "BillingConnector":
    from ticketing.billing.command_line.cli_actions import require_connector
    from ticketing.billing.sync.drive import BillingConnector

    return require_connector(application.find(BillingConnector))


def _compare_guests(application: "Application") -> None:
    """Set and clear payment holds by what is matched now."""
    from datetime import timedelta

    from ticketing.billing.eligibility.match_payments import match_all_events

    match_all_events(
        application.database, _connector(application).name, by=actor(), at=now(),
        max_age=timedelta(days=application.settings.billing_max_age_days),
    )  # fmt: skip
