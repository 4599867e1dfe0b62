"""From the people of an event to their tickets: who lacks one, and the tickets themselves."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import exhibits
from ticket_assets.attempts import LIMIT_SECONDS, WHEN_TIME_IS_UP, attempt
from ticket_assets.batch import BY, batch_of
from ticket_assets.history import history
from ticket_assets.owners import OWNERS
from ticket_assets.partitions import EVENTS, event_of
from ticket_assets.roster import attendees
from ticketing.actions import missing
from ticketing.actions.issue import IssueResult, issue
from ticketing.application import Application
from ticketing.domain.missing import Gap
from ticketing.signing.keys import KeyRing


@dg.asset(
    partitions_def=EVENTS,
    deps=[attendees],
    group_name="tickets",
    kinds={"postgres"},
    owners=OWNERS,
    code_version="1",
)
def missing_tickets(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Who is entitled to a ticket and has none, and why not for everyone else. As of its run."""
    at = datetime.now(UTC)
    with attempt(context):
        event = event_of(context, application)
        gap = missing.gap(application.database, event, at=at)
        first = missing.missing_tickets(
            application.database, event, at=at, limit=exhibits.ROWS_SHOWN
        )
    context.log.info("event %s: %s tickets missing", event.id, gap.missing)
    return dg.MaterializeResult(
        metadata={
            **_counts(gap),
            "why": exhibits.table(
                ["reason", "people"], gap.reasons.items(), total=len(gap.reasons)
            ),
            "who": exhibits.table(
                ["id", "name", "ticket"],
                [
                    (who.external_id or who.guest_id, who.full_name, who.ticket_type)
                    for who in first
                ],
                total=gap.missing,
            ),
            "over time": exhibits.curve(
                history(context, "missing", now=gap.missing), about="tickets missing", unit="days"
            ),
        }
    )


def _counts(gap: Gap) -> exhibits.Metadata:
    return {
        "missing": gap.missing,
        "entitled": gap.entitled,
        "have a ticket": gap.has_ticket,
        "on hold": gap.on_hold,
        "quarantined rows": gap.quarantined,
    }


class Issuing(dg.Config):
    """How to issue. As it is, everyone who lacks a ticket gets one."""

    limit: int | None = Field(default=None, ge=1, description="At most so many tickets.")
    chunk: int = Field(default=1000, ge=1, le=10_000, description="Tickets a transaction.")
    limit_seconds: float = Field(default=LIMIT_SECONDS, gt=0, description=WHEN_TIME_IS_UP)


@dg.asset(
    partitions_def=EVENTS,
    deps=[missing_tickets],
    group_name="tickets",
    kinds={"postgres", "python"},
    owners=OWNERS,
    code_version="1",
)
def tickets(
    context: dg.AssetExecutionContext, config: Issuing, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Issued tickets: code, signed QR and magic link; one live ticket an entitled person."""
    with attempt(context, config.limit_seconds) as watch:
        event = event_of(context, application)
        with batch_of(context, application, event) as job:
            done = issue(
                application.database, event, keys=application.get(KeyRing), job_id=job,
                at=datetime.now(UTC), by=BY,
                limit=config.limit, chunk=config.chunk,
                progress=lambda now: watch(now.created + now.failed, now.total - now.skipped),
            )  # fmt: skip
    context.log.info("job %s: %s created, %s failed", job, done.created, done.failed)
    return dg.MaterializeResult(metadata={**_issued(done, job), **watch.metadata("tickets")})


def _issued(done: IssueResult, job_id: int) -> exhibits.Metadata:
    return {
        "created": done.created,
        "skipped": done.skipped,
        "failed": done.failed,
        "job id": str(job_id),
        "failures": exhibits.table(
            ["person", "why"],
            [(failure.guest_id, failure.message) for failure in done.failures],
            total=done.failed,
        ),
    }
