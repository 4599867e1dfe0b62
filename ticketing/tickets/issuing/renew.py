"""Give tickets a new identity within the caller's transaction, for a place with another holder."""

import os
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.kernel.errors import TicketNotStored
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.issuing import entitlement_lock_queries, ticket_write_queries
from ticketing.tickets.issuing.create_tickets import TicketIssuer
from ticketing.tickets.issuing.identity import Randomness


def renew_tickets(
    connection: Connection,
    event: Event,
    guest_ids: Sequence[int],
    *,
    keys: KeyRing,
    batch_key: str,
    reason: str,
    at: datetime,
    by: str,
    randomness: Randomness = os.urandom,
) -> int:
    """Revoke the live tickets of these guests and issue new ones; return their number.

    All or none: a ticket that the database refuses rolls back the caller's transaction with
    TicketNotStored. The PDFs are rendered by the next run.
    """
    held = entitlement_lock_queries.lock_held_tickets_of_guests(connection, event.id, guest_ids)
    if not held:
        return 0
    job_id = batch_queries.get_or_create_batch(
        connection, key=batch_key, event=event, template_id=event.template_id, options={}, by=by,
        at=at,
    ).id  # fmt: skip
    batch_queries.mark_started(connection, job_id, total=len(held), skipped=0)
    issuer = TicketIssuer.create(
        connection, event, keys=keys, job_id=job_id, at=at, randomness=randomness
    )
    ticket_write_queries.mark_revoked(
        connection, [ticket.ticket_id for ticket in held], reason=reason, at=at
    )
    failures = issuer.create_tickets(connection, [ticket.recipient for ticket in held])
    if failures:
        raise TicketNotStored(failures[0].message)
    batch_queries.add_counts(connection, job_id, created=len(held))
    batch_queries.close_batch(connection, job_id, state=BatchState.COMPLETED, at=at)
    return len(held)
