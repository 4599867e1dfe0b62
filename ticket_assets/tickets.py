"""The assets of missing and issued tickets."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import metadata
from ticket_assets.batch import ACTOR, run_batch
from ticket_assets.partitions import NO_TICKETS, event_asset, has_no_tickets, partition_event
from ticket_assets.payment_matches import payment_matches
from ticket_assets.retries import (
    TIME_LIMIT_DESCRIPTION,
    TIME_LIMIT_SECONDS,
    Deadline,
    run_attempt,
)
from ticket_assets.roster import entitlements
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets import missing as ticket_missing
from ticketing.tickets.issuing.create_tickets import IssueFailure
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.issuing.reissue import apply_reissue

MAX_MATERIALIZATIONS = 100


@event_asset(
    deps=[entitlements, payment_matches],
    group_name="tickets",
    code=["ticketing.tickets.missing", "ticketing.tickets.eligibility_queries"],
    kinds={"postgres"},
)
def missing_tickets(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Entitled guests without a ticket, and the reasons for all others. As of the run."""
    at = datetime.now(UTC)
    with run_attempt(context):
        event = partition_event(context, application)
        if has_no_tickets(application, event):
            return dg.MaterializeResult(metadata=NO_TICKETS)
        gap = ticket_missing.count_eligibility(application.database, event, at=at)
        first = ticket_missing.list_missing_tickets(
            application.database, event, at=at, limit=metadata.MAX_ROWS
        )
    context.log.info("event %s: %s tickets missing", event.id, gap.missing)
    return dg.MaterializeResult(
        metadata={
            **metadata.row_count(gap.missing),
            "missing": gap.missing,
            "entitled": gap.entitled,
            "with ticket": gap.has_ticket,
            "on hold": gap.on_hold,
            "rejected rows": gap.quarantined,
            "reasons": metadata.markdown_table(
                ["reason", "guests"], gap.reasons.items(), total=len(gap.reasons)
            ),
            "guests": metadata.markdown_table(
                ["id", "name", "ticket"],
                [
                    (guest.external_id or guest.guest_id, guest.full_name, guest.ticket_type)
                    for guest in first
                ],
                total=gap.missing,
            ),
            "history": metadata.line_chart(
                _metadata_history(context, "missing", now=gap.missing),
                label="tickets missing",
                unit="days",
            ),
        }
    )


class IssueConfig(dg.Config):
    """Options of issuing; by default every missing ticket is issued."""

    ids: list[int] = Field(default=[], description="Only these guests, by id; empty is all.")
    reissue_plan: str | None = Field(
        default=None,
        min_length=8,
        description=(
            "Only replace live tickets by new ones: the hash of the plan that"
            " `ticketing generate-tickets --event EVENT --reissue` prints. Refused if a ticket"
            " changed since, or `ids` are others."
        ),
    )
    reissue_reason: str = Field(default="reissued", description="Reason of the revocation.")
    limit: int | None = Field(default=None, ge=1, description="Maximum number of tickets.")
    chunk: int = Field(default=1000, ge=1, le=10_000, description="Tickets per transaction.")
    limit_seconds: float = Field(
        default=TIME_LIMIT_SECONDS, gt=0, description=TIME_LIMIT_DESCRIPTION
    )


@event_asset(
    deps=[missing_tickets],
    group_name="tickets",
    code=["ticketing.tickets.issuing", "ticketing.crypto"],
    kinds={"postgres", "python"},
    metadata=metadata.table_metadata(generated_tickets),
)
def tickets(
    context: dg.AssetExecutionContext,
    config: IssueConfig,
    application: dg.ResourceParam[Application],
) -> dg.MaterializeResult:
    """Issued tickets with code, signed QR code and magic link. As of the run.

    An entitlement has at most one live ticket.
    """
    with run_attempt(context, config.limit_seconds) as deadline:
        event = partition_event(context, application)
        if has_no_tickets(application, event):
            return dg.MaterializeResult(metadata=NO_TICKETS)
        with run_batch(context, application, event) as job:
            done = (
                _issue(application, event, config, job, deadline)
                if config.reissue_plan is None
                else _reissue(application, event, config, job, config.reissue_plan)
            )
        now = ticket_missing.count_eligibility(application.database, event, at=datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={
            **metadata.row_count(now.has_ticket),
            "batch id": str(job),
            **done,
            **deadline.metadata("tickets"),
        }
    )


def _issue(
    application: Application, event: Event, config: IssueConfig, job_id: int, deadline: Deadline
) -> metadata.Metadata:
    """Issue the missing tickets of the configured guests."""
    done = issue_tickets(
        application.database, event, keys=application.get(KeyRing), job_id=job_id,
        at=datetime.now(UTC), by=ACTOR, guest_ids=config.ids or None,
        limit=config.limit, chunk=config.chunk,
        on_progress=lambda now: deadline(now.created + now.failed, now.total - now.skipped),
    )  # fmt: skip
    return {
        "created": done.created,
        "skipped": done.skipped,
        "failed": done.failed,
        "failures": _failure_table(done.failures, done.failed),
    }


def _reissue(
    application: Application, event: Event, config: IssueConfig, job_id: int, plan_hash: str
) -> metadata.Metadata:
    """Apply the configured plan."""
    done = apply_reissue(
        application.database, event, plan_hash=plan_hash, keys=application.get(KeyRing),
        job_id=job_id, at=datetime.now(UTC), by=ACTOR, reason=config.reissue_reason,
        guest_ids=config.ids or None,
    )  # fmt: skip
    return {
        "reissued": done.reissued,
        "failed": len(done.failures),
        "failures": _failure_table(done.failures, len(done.failures)),
    }


def _failure_table(failures: Sequence[IssueFailure], total: int) -> dg.MarkdownMetadataValue:
    rows = [(failure.guest_id, failure.message) for failure in failures]
    return metadata.markdown_table(["guest", "reason"], rows, total=total)


def _metadata_history(
    context: dg.AssetExecutionContext, metadata_key: str, *, now: float
) -> metadata.Points:
    """Return (days since the first, value) per materialisation, ending with `now`."""
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=context.asset_key, asset_partitions=[context.partition_key]
        ),
        limit=MAX_MATERIALIZATIONS,
    ).records
    points = [(datetime.now(UTC).timestamp(), now)]
    for record in records:
        event = record.asset_materialization
        value = event.metadata.get(metadata_key) if event else None
        if isinstance(value, dg.IntMetadataValue) and value.value is not None:
            points.append((record.timestamp, value.value))
    first = min(at for at, _ in points)
    return sorted(((at - first) / 86400, number) for at, number in points)
