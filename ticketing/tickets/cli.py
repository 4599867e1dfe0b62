"""`ticketing generate-tickets`, and `ticketing tickets`: explain, print, report, revoke."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption, WhereOption
from ticketing.platform.cli.output import (
    print_counts,
    print_json,
    print_list,
    print_table,
    print_text,
)
from ticketing.tickets.printing import cli as printing_cli
from ticketing.tickets.reports import cli as reports_cli

app = typer.Typer(no_args_is_help=True)
app.add_typer(reports_cli.app)
app.add_typer(printing_cli.app)

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


if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.application import Application
    from ticketing.tickets.generate import GenerationRequest, GenerationResult
    from ticketing.tickets.issuing.issue import IssueResult
    from ticketing.tickets.rendering.render import RenderResult

MAX_FAILURES_SHOWN = 20


def generate_tickets(  # noqa: PLR0913 - one parameter per option
    slug: EventOption,
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of new tickets.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite/--skip-existing", help="Render every PDF again; codes and links stay."
        ),
    ] = False,
    chunk: Annotated[int, typer.Option(min=1, max=10_000, help="PDFs per transaction.")] = 100,
    ids: Annotated[
        str | None, typer.Option(help="Only these guests: ids separated by commas.")
    ] = None,
    reissue: Annotated[
        bool, typer.Option("--reissue", help="Replace live tickets by new ones; plans first.")
    ] = False,
    plan: Annotated[
        str | None, typer.Option(help="With --reissue: apply the plan with this hash.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="With --reissue: reason for the revocation.")
    ] = "reissued",
    batch: Annotated[
        str | None, typer.Option(help="Name of this request; the same name resumes it.")
    ] = None,
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue missing tickets and render their PDFs.

    Running it again issues nothing twice. Exit code 1 when at least one ticket failed.
    """
    from ticketing.tickets.generate import GenerationRequest
    from ticketing.tickets.guest_filter import parse_filter

    with open_event(slug) as (application, event):
        request = GenerationRequest(
            by=actor(), at=now(), guest_ids=_parse_guest_ids(ids), limit=limit, chunk=chunk,
            overwrite=overwrite, key=batch, wanted=parse_filter(where),
        )  # fmt: skip
        if reissue and plan is None:
            _print_reissue_plan(application, event, request, as_json=as_json)
            return
        result = _generate(application, event, request, plan=plan, reason=reason, quiet=as_json)
        if as_json:
            print_json(_to_json(event, result))
        else:
            _print_result(application, event, result)
    raise typer.Exit(1 if result.failed else 0)


def _generate(
    application: "Application",
    event: "Event",
    request: "GenerationRequest",
    *,
    plan: str | None,
    reason: str,
    quiet: bool,
) -> "GenerationResult":
    from ticketing.platform.cli.progress import progress_bars
    from ticketing.tickets import generate

    context = application.get(generate.GenerationContext)
    with progress_bars(quiet=quiet) as show:

        def on_render(done: "RenderResult") -> None:
            show(
                "printing", done.total, created=done.rendered, skipped=done.unchanged,
                failed=len(done.failed),
            )  # fmt: skip

        def on_issue(done: "IssueResult") -> None:
            show(
                "issuing", done.total, created=done.created, skipped=done.skipped,
                failed=done.failed,
            )  # fmt: skip

        if plan is not None:
            return generate.reissue_tickets(
                context, event, request, plan_hash=plan, reason=reason, on_render_progress=on_render
            )
        return generate.generate_tickets(
            context, event, request, on_issue_progress=on_issue, on_render_progress=on_render
        )


def _print_reissue_plan(
    application: "Application", event: "Event", request: "GenerationRequest", *, as_json: bool
) -> None:
    from ticketing.tickets.generate import select_guests
    from ticketing.tickets.issuing.reissue import plan_reissue

    request = select_guests(application.database, event, request)
    plan = plan_reissue(application.database, event, guest_ids=request.guest_ids)
    if as_json:
        print_json(
            {
                "tickets": plan.tickets,
                "delivered": plan.delivered,
                "used": plan.used,
                "planHash": plan.plan_hash,
            }
        )
        return
    print_text(
        f"{plan.tickets:,} live tickets of {event.name} would be revoked,"
        f" {plan.delivered:,} of them already delivered, {plan.used:,} used at an entrance.",
        "Nothing has changed yet. To apply this plan, repeat the command with:",
        f"  --plan {plan.plan_hash}",
    )


def _print_result(application: "Application", event: "Event", result: "GenerationResult") -> None:
    from ticketing.documents.file_store import DocumentFolder

    counts = {
        "created": result.created,
        "rendered again": result.renewed,
        "skipped": result.skipped,
        "failed": result.failed,
        "total": result.total,
    }
    print_counts(f"{event.name} ({event.slug})", counts)
    print_text(
        f"{result.seconds:.1f} s, {result.tickets_per_second:.0f} tickets/s, job {result.job_id}.",
        f"PDFs: {application.get(DocumentFolder).root / event.slug}",
    )
    for guest_id, reason in result.failures[:MAX_FAILURES_SHOWN]:
        print_text(f"  failed: guest {guest_id}: {reason}")
    if result.failed > MAX_FAILURES_SHOWN:
        print_text(
            f"  … and {result.failed - MAX_FAILURES_SHOWN} more."
            f" To list all: ticketing tickets report --event {event.slug}"
        )


def _to_json(event: "Event", result: "GenerationResult") -> dict[str, object]:
    return {
        "event": event.slug,
        "batchId": result.batch_key,
        "jobId": result.job_id,
        "created": result.created,
        "renewed": result.renewed,
        "skipped": result.skipped,
        "failed": result.failed,
        "total": result.total,
        "seconds": round(result.seconds, 3),
        "ticketsPerSecond": round(result.tickets_per_second, 1),
        "errors": [{"guestId": guest, "message": reason} for guest, reason in result.failures],
    }


def _parse_guest_ids(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}: write guest ids separated by commas, such as 12,15,40", param_hint="--ids"
        ) from error
