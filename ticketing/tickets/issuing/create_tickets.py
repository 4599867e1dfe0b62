"""Create tickets for locked people, with an isolated failure for each ticket that is refused.

Shared by issuing and reissuing, which choose the people and the transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from sqlalchemy import Connection

from ticketing.crypto.key_queries import current_signer
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.kernel.errors import IdentityTaken, Refused, TicketNotStored
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.issuing.entitlement_lock_queries import Recipient
from ticketing.tickets.issuing.identity import (
    IdentityGenerator,
    PrefetchingIdentityGenerator,
    Randomness,
    SigningIdentityGenerator,
)

MAX_IDENTITY_ATTEMPTS = 20  # per person; a second attempt is needed once in a million tickets


@dataclass(frozen=True, slots=True)
class IssueFailure:
    """A guest without a ticket, by id, and the reason."""

    guest_id: int
    message: str


@dataclass(frozen=True, slots=True)
class TicketIssuer:
    """Creates tickets with identities from a generator and the fields they share."""

    source: IdentityGenerator
    shared_fields: ticket_write_queries.SharedTicketFields

    @classmethod
    def create(
        cls,
        connection: Connection,
        event: Event,
        *,
        keys: KeyRing,
        job_id: int,
        at: datetime,
        randomness: Randomness,
    ) -> Self:
        """Return the issuer for a job. Raises Misconfigured when the master secret has changed."""
        batch = batch_queries.find_by_id(connection, job_id)
        if batch is None or batch.event_id != event.id:
            raise Refused(f"job {job_id} is not a batch of {event.slug}")
        signer = current_signer(connection, event, keys)
        fields = ticket_write_queries.SharedTicketFields(
            event_id=event.id,
            job_id=job_id,
            key_generation=signer.generation,
            valid_from=at,
            valid_until=event.tickets_valid_until,
            template_id=batch.chosen_template,
            issued_at=at,
        )
        return cls(SigningIdentityGenerator(event, signer, at, randomness), fields)

    @contextmanager
    def with_prefetch(self, expected: int) -> Iterator[Self]:
        """Return the issuer with identities generated ahead, while tickets are written."""
        with PrefetchingIdentityGenerator(self.source, expected=expected) as ahead:
            yield replace(self, source=ahead)

    def create_tickets(
        self, connection: Connection, people: Sequence[Recipient]
    ) -> list[IssueFailure]:
        """Write a ticket for each recipient; return those refused by the database.

        One refusal rolls back a whole COPY, so a refused part is halved and tried again until the
        recipient is found: about 20 attempts for one among a thousand.
        """
        failures: list[IssueFailure] = []
        waiting = [people] if people else []
        while waiting:
            part = waiting.pop()
            refusal = self._try_create(connection, part)
            if refusal and len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
            elif refusal:
                failures.append(IssueFailure(part[0].guest_id, refusal))
        return failures

    def _try_create(self, connection: Connection, people: Sequence[Recipient]) -> str | None:
        """Try to write these tickets together; return the reason when they are refused."""
        for _ in range(MAX_IDENTITY_ATTEMPTS if len(people) == 1 else 1):
            identities = self.source.generate(len(people))
            try:
                with connection.begin_nested():
                    ticket_write_queries.insert_tickets(
                        connection, self.shared_fields, zip(people, identities, strict=True)
                    )
            except IdentityTaken:
                continue
            except TicketNotStored as error:
                return str(error)
            return None
        return (
            f"no unused identity in {MAX_IDENTITY_ATTEMPTS} attempts:"
            " is the source of randomness broken?"
        )


def record_failures(
    connection: Connection, issuer: TicketIssuer, failures: Sequence[IssueFailure]
) -> None:
    """Write the failures to the log of the job, by id."""
    for failure in failures:
        batch_queries.log_failure(
            connection,
            job_id=issuer.shared_fields.job_id,
            event_id=issuer.shared_fields.event_id,
            guest_id=failure.guest_id,
            ticket_id=None,
            message=failure.message,
        )
