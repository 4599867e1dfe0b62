"""`ticketing tickets`: explain, preflight, report, revoke, clean-up."""

from typing import Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_json, print_list, print_table, print_text
from ticketing.tickets.reports import cli as reports_cli

app = typer.Typer(no_args_is_help=True)
app.add_typer(reports_cli.app)

BYTES_PER_MIB = 1024 * 1024


@app.command("revoke")
def revoke_tickets(
    slug: EventOption,
    codes: Annotated[list[str], typer.Argument(help="Ticket codes.", metavar="CODE...")],
    *,
    reason: Annotated[str, typer.Option(help="Reason; shown when the ticket is verified.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke tickets: they are rejected from now on.

    Exit code 1 when a code is not a ticket of the event.
    """
    from ticketing.tickets import revoke

    with open_event(slug) as (application, event):
        result = revoke.revoke_tickets(
            application.database, event, codes=codes, reason=reason, by=actor(), at=now()
        )
    if as_json:
        print_json(result)
    else:
        states = {
            "revoked": result.revoked,
            "already revoked": result.already_revoked,
            f"not a ticket of {event.slug}": result.unknown,
        }
        rows = [(code, state) for state, listed in states.items() for code in listed]
        print_table(rows, {"ticket": lambda row: row[0], "result": lambda row: row[1]})
    raise typer.Exit(1 if result.unknown else 0)


@app.command("clean-up")
def clean_up_documents(
    *,
    days: Annotated[
        int | None, typer.Option(min=1, help="Override DOCUMENT_RETENTION_DAYS.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Delete the files; without it they are only listed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete the PDFs of events that ended long ago.

    Without --apply it only lists what would be deleted.
    """
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.tickets.rendering.retention_queries import delete_expired_documents

    with open_application() as application:
        removals = delete_expired_documents(
            application.database, application.get(DocumentFolder), at=now(), by=actor(),
            dry_run=not apply,
            days=days or application.settings.retention_days,
        )  # fmt: skip
    print_list(
        removals,
        {
            "event": lambda removal: removal.event_slug,
            "ended": lambda removal: removal.ended_at,
            "PDFs": lambda removal: removal.documents,
            "MiB": lambda removal: f"{removal.size / BYTES_PER_MIB:,.1f}",
        },
        as_json=as_json,
        empty="No event ended long enough ago.",
    )
    if removals and not as_json:
        print_text("Deleted." if apply else "Nothing was deleted. To delete them, add --apply.")
