"""`ticketing people retention`: how long classes of fields are kept, and what is due now."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.people_data.field_class import FieldClass
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption, OptionalEventOption
from ticketing.platform.cli.output import print_json, print_list, print_result, print_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketing.events.model import Event
    from ticketing.platform.application import Application

app = typer.Typer(
    no_args_is_help=True, help="Set how long classes of fields are kept; erase what is due."
)

ClassArgument = Annotated[FieldClass, typer.Argument(help="Class of fields.", show_default=False)]


@contextmanager
def _open(slug: str | None) -> "Iterator[tuple[Application, Event | None]]":
    from ticketing.events.queries import get_event

    with open_application() as application:
        yield application, get_event(application.database, slug) if slug else None


@app.command("show")
def show(*, as_json: JsonOption = False) -> None:
    """Show the rules. Without one a class is kept; the suggested days are applied by nobody."""
    from ticketing.people_data import retention_queries

    with open_application() as application:
        rules = application.database.run(retention_queries.list_rules)
        documents = application.settings.retention_days
    if as_json:
        print_json({"rules": rules, "documentDays": documents})
        return
    print_list(
        list(FieldClass),
        {
            "class": str,
            "days": lambda one: next(
                (rule.days for rule in rules if rule.field_class is one and not rule.event), "kept"
            ),
            "suggested": lambda one: one.suggested_days,
            "events with a rule of their own": lambda one: ", ".join(
                f"{rule.event} {'kept' if rule.days is None else rule.days}"
                for rule in rules
                if rule.field_class is one and rule.event
            ),
            "what": lambda one: one.description,
        },
        as_json=False,
    )
    print_text(f"PDFs are deleted after {documents} days (DOCUMENT_RETENTION_DAYS).")


@app.command("set")
def set_days(
    field_class: ClassArgument,
    days: Annotated[
        str, typer.Argument(help="Days after the event's end, or `keep` with --event.")
    ],
    *,
    slug: OptionalEventOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a class for some days after the end of every event, or of one event."""
    from ticketing.people_data.set_retention import set_retention

    number = _parse_days(days, slug)
    with _open(slug) as (application, event):
        set_retention(application.database, field_class, event, number, by=actor(), at=now())
    period = "for ever" if number is None else f"for {number:,} days after the end"
    line = f"{field_class} of {slug or 'every event'}: kept {period}."
    value = {"class": field_class, "event": slug, "days": number}
    print_result(value, line, "See what is due: ticketing people retention run --preview",
                 as_json=as_json)  # fmt: skip


def _parse_days(text: str, slug: str | None) -> int | None:
    if text == "keep" and slug:
        return None
    if not text.isdecimal() or not int(text):
        keep = "" if slug else "; to keep a class of every event, use `retention clear`"
        raise typer.BadParameter(f"{text!r} is no number of days from 1{keep}", param_hint="DAYS")
    return int(text)


@app.command("clear")
def clear(
    field_class: ClassArgument, *, slug: OptionalEventOption = None, as_json: JsonOption = False
) -> None:
    """Delete a rule: without one for every event the class is kept."""
    from ticketing.people_data.set_retention import clear_retention

    with _open(slug) as (application, event):
        clear_retention(application.database, field_class, event, by=actor())
    value = {"class": field_class, "event": slug}
    print_result(
        value, f"{field_class} of {slug or 'every event'}: no rule of its own.", as_json=as_json
    )


@app.command("run")
def run(
    *,
    preview: Annotated[bool, typer.Option("--preview", help="Only count; erase nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase what is due by the rules, as the schedule does every night."""
    from ticketing.people_data.apply_retention import Retention
    from ticketing.people_data.stored_files import CopyFolders

    with open_application() as application:
        folders = CopyFolders.of(application.settings)
        done = Retention(application.database, folders, now(), actor(), preview).apply()
    print_list(
        done,
        {
            "class": lambda one: one.field_class,
            "event": lambda one: one.event,
            "kept days": lambda one: one.days,
            "would be erased" if preview else "erased": lambda one: one.rows,
            "waits for unfinished orders": lambda one: one.waiting_orders or None,
        },
        as_json=as_json,
        empty="Nothing is due.",
    )
