"""Compare the guests of events with payment records, and record what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.billing.eligibility import match_queries
from ticketing.billing.eligibility.match_queries import HeldTicketHolder
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.events.payment_rule import PaymentRequirement, parse_payment_rule
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database

ACTION = "payments.match"


@dataclass(frozen=True, slots=True)
class PaymentMatch:
    """Guests of an event by payment; `reasons` counts them, the empty reason is settled.

    `cleared` and `held` count the changes of this comparison, `with_ticket` the guests who have a
    live ticket although they are held; none is revoked.
    """

    event_slug: str
    rule: str
    cleared: int
    held: int
    reasons: Mapping[str, int]
    with_ticket: int
    first_with_ticket: Sequence[HeldTicketHolder]

    @property
    def settled(self) -> int:
        """Return the number of guests whose payments fulfil the rule."""
        return self.reasons.get("", 0)


def match_payments(
    database: Database, event: Event, source: str, *, max_age: timedelta, by: str, at: datetime
) -> PaymentMatch:
    """Set and clear the payment holds of an event; again without a change it changes nothing."""
    return database.run(_match, event, source, max_age=max_age, by=by, at=at)


def match_all_events(
    database: Database, source: str, *, max_age: timedelta, by: str, at: datetime
) -> list[PaymentMatch]:
    """Do so for each event that has a rule and is not over, in a transaction of its own."""
    events = database.run(event_queries.list_events)
    wanted = [event for event in events if has_rule(event) and event.ends_at > at]
    return [
        match_payments(database, event, source, max_age=max_age, by=by, at=at) for event in wanted
    ]


def has_rule(event: Event) -> bool:
    """Return whether payments decide about the tickets of an event."""
    return event.payment_rule != PaymentRequirement.NONE


def _match(
    connection: Connection,
    event: Event,
    source: str,
    *,
    max_age: timedelta,
    by: str,
    at: datetime,
) -> PaymentMatch:
    cleared = held = 0
    if has_rule(event):
        rule = parse_payment_rule(event.payment_rule)
        cleared, held = match_queries.match_event(
            connection, event.id, rule, source, oldest=at - max_age
        )
    if cleared or held:
        audit_log.record(
            connection, by, ACTION, event_id=event.id, items=cleared + held,
            details={"cleared": cleared, "held": held},
        )  # fmt: skip
    first, with_ticket = match_queries.list_held_with_ticket(connection, event.id)
    reasons = match_queries.count_holds(connection, event.id)
    return PaymentMatch(event.slug, event.payment_rule, cleared, held, reasons, with_ticket, first)
