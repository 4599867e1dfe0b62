"""`ticketing people`: export everything known of a person, erase it, and allow it to come back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.people_data import cli_retention
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import (
    print_apply_command,
    print_counts,
    print_json,
    print_result,
    print_table,
    print_text,
)

if TYPE_CHECKING:
    from ticketing.people_data.erase_person import ErasurePlan

app = typer.Typer(no_args_is_help=True)
app.add_typer(cli_retention.app, name="retention")

PersonOption = Annotated[
    list[str],
    typer.Option(
        "--person",
        help="E-mail, phone, guest id or order code; guest:12 or order:ABCD says which.",
        show_default=False,
    ),
]
AllMatchesOption = Annotated[
    bool, typer.Option("--all-matches", help="All people who share the contact are meant.")
]


@contextmanager
def _listing_matches() -> Iterator[None]:
    """Show whose records match before the error, so that one of them can be chosen."""
    from ticketing.people_data.person import AmbiguousPerson

    try:
        yield
    except AmbiguousPerson as error:
        print_table(
            error.matches,
            {
                "record": lambda one: one.reference,
                "event": lambda one: one.event,
                "name": lambda one: one.name,
            },
        )
        raise


@app.command("export")
def export(
    person: PersonOption,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="ZIP to write; with .json only the JSON.")
    ] = Path("person.zip"),
    all_matches: AllMatchesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Export everything known of one person. The export is recorded in the audit log.

    The ZIP has one JSON document and a CSV file per table, without tokens and passwords.
    """
    from ticketing.people_data.export_person import export_person, write_export

    with open_application() as application, _listing_matches():
        found = export_person(
            application.database, person, all_matches=all_matches, at=now(), by=actor()
        )
        write_export(found, output, delimiter=application.settings.csv_delimiter_character)
    counts = {name: len(rows) for name, rows in found.records.items()}
    line = f"{found.rows:,} records in {len(counts)} tables -> {output}"
    print_result({"file": str(output), "records": counts}, line, as_json=as_json)


@app.command("erase")
def erase(
    person: PersonOption,
    *,
    plan: Annotated[
        str | None, typer.Option("--plan", help="Hash printed without it: erase as planned.")
    ] = None,
    revoke_tickets: Annotated[
        bool, typer.Option("--revoke-tickets", help="Revoke live tickets of events to come.")
    ] = False,
    all_matches: AllMatchesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what erasing a person would do, and with --plan erase it.

    Money, counts, stock and check numbers stay. Exit code 1 when something prevents it. After an
    interruption, run it again: it continues.
    """
    from ticketing.people_data.erase_person import PersonEraser

    with open_application() as application, _listing_matches():
        eraser = PersonEraser.of(
            application, all_matches=all_matches, revoke_tickets=revoke_tickets
        )
        if plan is None:
            planned = eraser.plan(person, at=now())
            _print_plan(planned, person, eraser.flags, as_json=as_json)
            raise typer.Exit(1 if planned.obstacles else 0)
        done = eraser.apply(person, plan, at=now(), by=actor())
    rows = sum(done.counts.values())
    words = "had been erased before" if done.repeated else "erased"
    print_result(done, f"{rows:,} records {words}.", as_json=as_json)


def _print_plan(plan: "ErasurePlan", person: list[str], flags: str, *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    print_counts("Erasing the person changes or deletes what names it in:", plan.counts)
    print_text(
        f"Live tickets to revoke: {plan.live_tickets:,}. Files to delete: {len(plan.files):,}.",
        "Amounts, counts, stock, codes and check numbers stay.",
        *(f"Not searched, look yourself: {path}" for path in plan.unsearched),
        *(f"Prevented: {obstacle}." for obstacle in plan.obstacles),
    )
    if not plan.obstacles:
        named = " ".join(f"--person '{one}'" for one in person)
        print_apply_command(f"people erase {named}{flags} --plan {plan.plan_hash}")


@app.command("allow")
def allow(
    contacts: Annotated[
        list[str], typer.Argument(help="E-mail addresses or phone numbers.", metavar="CONTACT...")
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Let imports bring a person back without a warning, once it has agreed.

    A STOP of the contact is forgotten too.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.people_data.allow_contacts import allow_contacts

    with open_application() as application:
        number = allow_contacts(
            application.database, application.get(KeyRing), contacts, by=actor()
        )
    line = f"Contacts and ids that may come back without a warning: {number:,}."
    print_result({"allowed": number}, line, as_json=as_json)
