"""`ticketing generate-tickets` and what else makes or unmakes documents."""

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    EventOption,
    JsonOption,
    actor,
    now,
    open_application,
    print_json,
    stdout_console,
)

if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.application import Application
    from ticketing.platform.cli.progress import ProgressBars
    from ticketing.tickets.generate import GenerationRequest, GenerationResult

MAX_FAILURES_SHOWN = 20


def generate_tickets(  # noqa: PLR0913 - a command has as many options as it has
    event: EventOption,
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many new tickets.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite/--skip-existing",
            help="Make every PDF anew; codes and links stay as they are.",
        ),
    ] = False,
    chunk: Annotated[int, typer.Option(min=1, max=10_000, help="PDFs a transaction.")] = 100,
    ids: Annotated[
        str | None, typer.Option(help="Only these people: numbers with commas between.")
    ] = None,
    reissue: Annotated[
        bool, typer.Option("--reissue", help="New identities; says first what would die.")
    ] = False,
    plan: Annotated[str | None, typer.Option(help="With --reissue: do what was said.")] = None,
    reason: Annotated[str, typer.Option(help="With --reissue: why the old ones die.")] = "reissued",
    batch: Annotated[
        str | None, typer.Option(help="A name for this order; again resumes it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Issue missing tickets and render their PDFs."""
    from ticketing.events.queries import get_event
    from ticketing.tickets.generate import GenerationRequest

    with open_application() as application:
        known = get_event(application.database, event)
        order = GenerationRequest(
            by=actor(), at=now(), guest_ids=_parse_guest_ids(ids), limit=limit, chunk=chunk,
            overwrite=overwrite, key=batch,
        )  # fmt: skip
        if reissue and plan is None:
            _print_reissue_plan(application, known, order, as_json=as_json)
            return
        done = _run_generation(application, known, order, plan=plan, reason=reason, quiet=as_json)
        if as_json:
            print_json(_result_to_json(known, done))
        else:
            _print_result(application, known, done)
    sys.exit(1 if done.failed else 0)


def _run_generation(
    application: "Application",
    event: "Event",
    request: "GenerationRequest",
    *,
    plan: str | None,
    reason: str,
    quiet: bool,
) -> "GenerationResult":
    from ticketing.crypto.keyring import KeyRing
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.platform.cli.progress import progress_bars
    from ticketing.tickets.generate import GenerationContext, generate_tickets, reissue_tickets

    means = GenerationContext(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )
    with ExitStack() as stack:
        shown: ProgressBars | None = None if quiet else stack.enter_context(progress_bars())
        printing = shown.on_render_progress if shown else None
        if plan is not None:
            return reissue_tickets(
                means, event, request, plan_hash=plan, reason=reason, on_render_progress=printing
            )
        issuing = shown.on_issue_progress if shown else None
        return generate_tickets(
            means, event, request, on_issue_progress=issuing, on_render_progress=printing
        )


def _print_reissue_plan(
    application: "Application", event: "Event", request: "GenerationRequest", *, as_json: bool
) -> None:
    from ticketing.tickets.reissue import plan_reissue

    plan = plan_reissue(application.database, event, guest_ids=request.guest_ids)
    if as_json:
        print_json(
            {"tickets": plan.tickets, "delivered": plan.delivered, "planHash": plan.plan_hash}
        )
        return
    out = stdout_console()
    out.print(
        f"{plan.tickets:,} live tickets of {event.name} would die,"
        f" {plan.delivered:,} of them already delivered; nothing has changed yet"
    )
    out.print(f"to do it: the same command with --plan {plan.plan_hash}")


def _print_result(application: "Application", event: "Event", done: "GenerationResult") -> None:
    from rich.table import Table

    from ticketing.documents.file_store import DocumentFolder

    table = Table(title=f"{event.name} ({event.slug})", title_justify="left", min_width=44)
    table.add_column("tickets")
    table.add_column("", justify="right")
    for label in ("created", "renewed", "skipped", "failed"):
        table.add_row(label, f"{getattr(done, label):,}")
    table.add_section()
    table.add_row("total", f"{done.total:,}")
    out = stdout_console()
    out.print(table)
    out.print(
        f"{done.seconds:.1f} s, {done.tickets_per_second:.0f} tickets/s, job {done.job_id}, PDFs in"
        f" {application.get(DocumentFolder).root / event.slug}"
    )
    for guest_id, reason in done.failures[:MAX_FAILURES_SHOWN]:
        out.print(f"  failed: person {guest_id}: {reason}")
    if done.failed > MAX_FAILURES_SHOWN:
        out.print(
            f"  … and {done.failed - MAX_FAILURES_SHOWN} more:"
            f" `ticketing report --event {event.slug}`"
        )


def _result_to_json(event: "Event", done: "GenerationResult") -> dict[str, object]:
    return {
        "event": event.slug,
        "batchId": done.batch_key,
        "jobId": done.job_id,
        "created": done.created,
        "renewed": done.renewed,
        "skipped": done.skipped,
        "failed": done.failed,
        "total": done.total,
        "seconds": round(done.seconds, 3),
        "ticketsPerSecond": round(done.tickets_per_second, 1),
        "errors": [{"guestId": guest, "message": reason} for guest, reason in done.failures],
    }


def _parse_guest_ids(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}: write people's numbers with commas between, such as 12,15,40",
            param_hint="--ids",
        ) from error


def clean_up_documents(
    *,
    days: Annotated[
        int | None, typer.Option(min=1, help="Instead of DOCUMENT_RETENTION_DAYS.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Delete; without it, only say.")] = False,
) -> None:
    """Delete the PDFs of events long over.

    Without --apply it only lists what would go.
    """
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.tickets.rendering.retention import delete_expired_documents

    with open_application() as application:
        removals = delete_expired_documents(
            application.database, application.get(DocumentFolder), at=now(), by=actor(),
            dry_run=not apply,
            days=days or application.settings.retention_days,
        )  # fmt: skip
    out = stdout_console()
    done = "deleted" if apply else "to delete"
    for removal in removals:
        out.print(
            f"{removal.event_slug}, ended {removal.ended_at:%Y-%m-%d}: {removal.documents:,} PDFs"
            f" {done}, {removal.size / 1024 / 1024:.1f} MiB"
        )
    if not removals:
        out.print("no event is over for so long")
    elif not apply:
        out.print("nothing was deleted; --apply does it")


COMMANDS = (generate_tickets, clean_up_documents)
