"""`ticketing go-live`: the checklist and the plan, and `apply`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, PlanOption
from ticketing.platform.cli.output import (
    print_apply_command,
    print_counts,
    print_json,
    print_result,
    print_text,
)

if TYPE_CHECKING:
    from ticketing.go_live.plan_clearing import ClearingPlan

app = typer.Typer()

_CHECKLIST_HELP = "Slug or id of the event."


@app.callback(invoke_without_command=True)
def go_live(
    context: typer.Context,
    *,
    slug: Annotated[str | None, typer.Option("--event", "-e", help=_CHECKLIST_HELP)] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is missing before an event goes live, and what its rehearsals left behind.

    Exit code 1 when something is missing or left.
    """
    if context.invoked_subcommand is not None:
        return
    if slug is None:
        raise typer.BadParameter("name the event", param_hint="--event")
    from ticketing.app.cli_operations import print_findings
    from ticketing.app.findings import DoctorStatus
    from ticketing.app.go_live_checklist import list_findings
    from ticketing.go_live.plan_clearing import plan_clearing

    with open_event(slug) as (application, event):
        plan = plan_clearing(application.database, event, at=now(), by=actor())
        findings = list(list_findings(application, event, plan.remains, at=now()))
    if as_json:
        print_json({"checklist": findings, "plan": plan})
    else:
        print_findings(findings)
        _print_plan(plan)
    raise typer.Exit(1 if any(one.status is DoctorStatus.FAILED for one in findings) else 0)


def _print_plan(plan: "ClearingPlan") -> None:
    remains = plan.remains
    if remains.is_cleared:
        print_text("Nothing is left of the rehearsals.")
        return
    print_counts(
        "Applying the plan clears what the rehearsals left behind:",
        {
            "waiting entries": remains.entries,
            "orders": remains.orders,
            "places, back on sale": remains.places,
            "live tickets": remains.tickets,
            "live vouchers": remains.vouchers,
            "waiting messages": remains.messages,
            "PDFs": remains.documents,
        },
    )
    print_text("Guests and tickets of a roster are not touched.")
    print_apply_command(f"go-live apply --event {plan.event} --plan {plan.plan_hash}")


@app.command("apply")
def apply(slug: EventOption, *, plan: PlanOption, as_json: JsonOption = False) -> None:
    """Clear the rehearsals of an event as planned.

    After an interruption, run it again: it continues.
    """
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.go_live.clear_rehearsal import clear_rehearsal
    from ticketing.platform.cli.progress import count_progress

    with (
        open_event(slug) as (application, event),
        count_progress(quiet=as_json) as progress,
    ):
        result = clear_rehearsal(
            application.database, application.get(DocumentFolder), event, plan_hash=plan, at=now(),
            by=actor(), progress=progress,
        )  # fmt: skip
    line = (
        f"Cleared now: {result.entries:,} waiting entries, {result.orders:,} orders,"
        f" {result.documents:,} PDFs."
    )
    print_result(result, line, as_json=as_json)
