"""`ticketing generate-tickets`: issue missing tickets and render their PDFs."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_counts, print_json, print_text

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
    as_json: JsonOption = False,
) -> None:
    """Issue missing tickets and render their PDFs.

    Running it again issues nothing twice. Exit code 1 when at least one ticket failed.
    """
    from ticketing.tickets.generate import GenerationRequest

    with open_event(slug) as (application, event):
        request = GenerationRequest(
            by=actor(), at=now(), guest_ids=_parse_guest_ids(ids), limit=limit, chunk=chunk,
            overwrite=overwrite, key=batch,
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
    from ticketing.tickets.issuing.reissue import plan_reissue

    plan = plan_reissue(application.database, event, guest_ids=request.guest_ids)
    if as_json:
        print_json(
            {"tickets": plan.tickets, "delivered": plan.delivered, "planHash": plan.plan_hash}
        )
        return
    print_text(
        f"{plan.tickets:,} live tickets of {event.name} would be revoked,"
        f" {plan.delivered:,} of them already delivered.",
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
