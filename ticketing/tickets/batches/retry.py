"""Retry batches that did not do everything; take batches off the list of failures."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ticketing.events.queries import get_event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Conflict, Refused
from ticketing.tickets.batches import repair_queries
from ticketing.tickets.batches.queries import Batch, BatchState
from ticketing.tickets.batches.service import AcceptedBatch, accept_batch, get_batch
from ticketing.tickets.generate import REISSUE_PREFIX, GenerationRequest
from ticketing.tickets.guest_filter import GuestFilter


class NothingToRetry(Conflict):
    """A batch is being processed, or lacks nothing that a retry could make."""


def retry_batch(
    database: Database, batch_key: str, request: GenerationRequest, *, priority: str
) -> AcceptedBatch:
    """Accept what a batch did not do; safe to repeat with the same key of the request.

    A batch that failed or was cancelled continues under its own key. For one that has completed, a
    new batch with the key of the request is opened for the guests who failed, and the old one is
    taken off the list. `request` gives the caller, time, key and chunk.
    """
    batch = get_batch(database, batch_key)
    if batch.batch_key.startswith(REISSUE_PREFIX):
        raise Refused(
            f"batch {batch_key!r} applies a plan; continue it with `ticketing generate-tickets"
            f" --event … --reissue --plan {batch_key.removeprefix(REISSUE_PREFIX)}`"
        )
    wanted = replace(_repeat(database, batch, request), template_id=batch.chosen_template)
    event = get_event(database, str(batch.event_id))
    accepted = accept_batch(database, event, wanted, priority=priority)
    if accepted.batch.id != batch.id:
        dismiss_batch(database, batch_key, at=request.at, by=request.by, retried_as=wanted.key)
    return accepted


def _repeat(database: Database, batch: Batch, request: GenerationRequest) -> GenerationRequest:
    if batch.state is BatchState.PROCESSING:
        raise NothingToRetry(f"batch {batch.batch_key!r} is being processed")
    request = replace(request, overwrite=batch.options.get("overwrite") is True)
    if batch.state is BatchState.COMPLETED:
        failed = database.run(repair_queries.list_failed_guest_ids, batch.id)
        if not failed:
            raise NothingToRetry(f"batch {batch.batch_key!r}: nobody's ticket failed in it")
        return replace(request, guest_ids=failed)
    guests = database.run(repair_queries.list_requested_guest_ids, batch.id)
    if guests is None and batch.options.get("guests"):
        raise Refused(
            f"batch {batch.batch_key!r} was for chosen guests, who were not stored by the version"
            " that accepted it; send the same request again, or generate the missing tickets"
        )
    if "overwrite" not in batch.options:  # of a Dagster run: its key has other options
        return replace(request, guest_ids=guests)
    limit = batch.options.get("limit")
    return replace(
        request, key=batch.batch_key, guest_ids=guests, wanted=_filter_of(batch),
        limit=limit if isinstance(limit, int) else None,
    )  # fmt: skip


def _filter_of(batch: Batch) -> GuestFilter:
    where = batch.options.get("where")
    if not isinstance(where, Mapping):
        return GuestFilter()
    return GuestFilter({name: tuple(values) for name, values in where.items()})


def dismiss_batch(
    database: Database, batch_key: str, *, at: datetime, by: str, retried_as: str | None = None
) -> None:
    """Take an ended batch off the list of failures; its tickets and its log stay."""
    batch = get_batch(database, batch_key)
    if batch.state is BatchState.PROCESSING:
        raise Conflict(f"batch {batch_key!r} is being processed; wait until it has ended")
    with database.transaction() as connection:
        if repair_queries.mark_dismissed(connection, batch.id, at=at):
            audit_log.record(
                connection, by, "batches.dismiss", event_id=batch.event_id, subject=batch_key,
                details={"retried_as": retried_as} if retried_as else None,
            )  # fmt: skip
