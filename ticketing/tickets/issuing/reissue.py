"""Reissue tickets with a new identity; the old ones are revoked.

For lost or leaked tickets only; rendering again keeps the identity. A reissue is planned first,
because tickets that were already delivered become invalid.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import RowDigest, require_unchanged
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing import entitlement_lock_queries, ticket_write_queries
from ticketing.tickets.issuing.create_tickets import IssueFailure, TicketIssuer, record_failures
from ticketing.tickets.issuing.entitlement_lock_queries import HeldTicket
from ticketing.tickets.issuing.identity import Randomness

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class ReissuePlan:
    """Effect of a reissue: `tickets` are revoked, of which some were sent to people or used.

    `plan_hash` identifies these tickets in this state; `up_to_ticket` is the newest id.
    """

    tickets: int
    delivered: int
    used: int
    plan_hash: str
    up_to_ticket: int


@dataclass(frozen=True, slots=True)
class ReissueResult:
    """Result of a reissue. People in `failures` keep the old ticket."""

    reissued: int
    failures: tuple[IssueFailure, ...]


def plan_reissue(
    database: Database, event: Event, *, guest_ids: Iterable[int] | None = None
) -> ReissuePlan:
    """Return the plan for all guests, or for these; nothing is changed."""
    return database.run(_compute_plan, event, _sorted_unique(guest_ids))


def _sorted_unique(guest_ids: Iterable[int] | None) -> list[int] | None:
    return None if guest_ids is None else sorted(set(guest_ids))


def _compute_plan(
    connection: Connection, event: Event, guest_ids: Sequence[int] | None
) -> ReissuePlan:
    count = delivered = used = newest = 0
    digest = RowDigest("reissue", event.uid)
    for held in entitlement_lock_queries.iter_held_tickets(connection, event.id, guest_ids):
        count += 1
        delivered += held.is_delivered
        used += held.is_used
        newest = max(newest, held.ticket_id)
        digest.add(held.ticket_id, held.is_delivered)
    return ReissuePlan(count, delivered, used, digest.hexdigest(), newest)


def apply_reissue(  # noqa: PLR0913 - the options of issuing, and a reason
    database: Database,
    event: Event,
    *,
    plan_hash: str,
    keys: KeyRing,
    job_id: int,
    at: datetime,
    by: str,
    reason: str,
    guest_ids: Iterable[int] | None = None,
    randomness: Randomness = os.urandom,
) -> ReissueResult:
    """Apply a plan. Raises PlanOutdated when tickets were issued, revoked or delivered since.

    After an interruption, the same job and plan continue.
    """
    chosen = _sorted_unique(guest_ids)
    with database.transaction() as connection:
        issuer = TicketIssuer.create(
            connection, event, keys=keys, job_id=job_id, at=at, randomness=randomness
        )
        newest = _start_or_resume(
            connection, event, chosen, plan_hash=plan_hash, job_id=job_id, by=by
        )
    reissued, failures, after = 0, list[IssueFailure](), 0
    while True:
        with database.transaction() as connection:
            page = entitlement_lock_queries.lock_held_tickets(
                connection, event.id, chosen, up_to_ticket=newest, after=after, count=CHUNK
            )
            if not page:
                return ReissueResult(reissued, tuple(failures))
            refused = _reissue_page(connection, issuer, page, reason=reason)
            record_failures(connection, issuer, refused)
            created = len(page) - len(refused)
            batch_queries.add_counts(connection, job_id, created=created, failed=len(refused))
        after = page[-1].recipient.entitlement_id
        reissued += created
        failures += refused


def _start_or_resume(
    connection: Connection,
    event: Event,
    guest_ids: Sequence[int] | None,
    *,
    plan_hash: str,
    job_id: int,
    by: str,
) -> int:
    """Check the plan, unless this job has started it; return the newest ticket's id."""
    batch = batch_queries.find_by_id(connection, job_id)
    state_before = batch.options.get("reissue") if batch else None
    if isinstance(state_before, dict) and state_before["plan_hash"] == plan_hash:
        return int(state_before["up_to_ticket"])
    plan = _compute_plan(connection, event, guest_ids)
    effect = (
        f"{plan.tickets} would be revoked, {plan.delivered} of them delivered, {plan.used} used"
    )
    require_unchanged(plan, plan_hash, subject=f"the tickets of {event.slug}", effect=effect)
    state = {"plan_hash": plan_hash, "up_to_ticket": plan.up_to_ticket}
    batch_queries.merge_options(connection, job_id, {"reissue": state})
    batch_queries.mark_started(connection, job_id, total=plan.tickets, skipped=0)
    audit_log.record(
        connection,
        actor=by,
        action=audit_log.REISSUE_TICKETS_ACTION,
        event_id=event.id,
        subject=event.slug,
        items=plan.tickets,
        details={
            "job_id": job_id,
            "delivered": plan.delivered,
            "used": plan.used,
            "plan_hash": plan_hash,
        },
    )
    return plan.up_to_ticket


def _reissue_page(
    connection: Connection, issuer: TicketIssuer, page: Sequence[HeldTicket], *, reason: str
) -> list[IssueFailure]:
    """Revoke and reissue a page of tickets; people refused by the database keep theirs."""
    failures: list[IssueFailure] = []
    waiting = list(page)
    while waiting:
        with connection.begin_nested() as attempt:
            ticket_write_queries.mark_revoked(
                connection,
                [held.ticket_id for held in waiting],
                reason=reason,
                at=issuer.shared_fields.issued_at,
            )
            refused = issuer.create_tickets(connection, [held.recipient for held in waiting])
            if not refused:
                return failures
            attempt.rollback()
        failures += refused
        refused_ids = {failure.guest_id for failure in refused}
        waiting = [held for held in waiting if held.recipient.guest_id not in refused_ids]
    return failures
