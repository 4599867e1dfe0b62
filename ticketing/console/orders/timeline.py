"""The timeline of an order: what happened, merged from its records, the oldest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.notifications.delivery_queries import Delivery
from ticketing.selling.refunds.order_history_queries import OrderHistory


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. `kind` is a key of the page's words; `text` is not translated."""

    at: datetime
    kind: str
    text: str
    by: str = ""


def build_timeline(history: OrderHistory, messages: Sequence[Delivery]) -> list[TimelineEntry]:
    """Return the entries of an order and of the messages about it."""
    entries = [
        *_order_entries(history), *_payment_entries(history), *_flag_entries(history),
        *(
            TimelineEntry(one.at, "audit", f"{one.action}{_describe(one.details)}", one.actor)
            for one in history.audit_entries
        ),
        *(
            TimelineEntry(one.queued_at, "message", f"{one.purpose} ({one.channel}): {one.state}")
            for one in messages
        ),
    ]  # fmt: skip
    return sorted(entries, key=lambda entry: entry.at)


def _order_entries(history: OrderHistory) -> Iterator[TimelineEntry]:
    yield TimelineEntry(history.created_at, "placed", str(history.order.total))
    if history.paid_at is not None:
        yield TimelineEntry(history.paid_at, "paid", str(history.order.total))
    if history.closed_at is not None:
        yield TimelineEntry(history.closed_at, "closed", history.order.state)


def _payment_entries(history: OrderHistory) -> Iterator[TimelineEntry]:
    for attempt in history.attempts:
        means = f" {attempt.payment_type}" if attempt.payment_type else ""
        yield TimelineEntry(
            attempt.created_at, "attempt", f"{attempt.key} {attempt.amount}{means}: {attempt.state}"
        )
    for notice in history.notifications:
        reason = f": {notice.reason}" if notice.reason else ""
        text = f"{notice.attempt_key} {notice.outcome or '…'}{reason}"
        yield TimelineEntry(notice.received_at, "notice", text)


def _flag_entries(history: OrderHistory) -> Iterator[TimelineEntry]:
    for flag in history.flags:
        yield TimelineEntry(flag.raised_at, "flag", f"{flag.flag}: {flag.message}")
        if flag.resolved_at is not None:
            yield TimelineEntry(flag.resolved_at, "answered", flag.flag)


def _describe(details: dict[str, object]) -> str:
    """Return the details that say something, without hashes of plans."""
    said = [
        f"{name} {value}"
        for name, value in details.items()
        if value is not None and value != "" and name != "plan_hash"
    ]
    return f" ({'; '.join(said)})" if said else ""
