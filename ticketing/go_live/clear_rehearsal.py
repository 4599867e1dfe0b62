"""Clear the rehearsals of an event order by order; safe to kill, and to repeat.

Whoever waits for places leaves the waiting list first, so that nothing is offered any more. Orders
are cancelled and never deleted. Their payments count as never received, so that their
entries in the ledger add up to nothing. No gateway is called, and nobody gets a message.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.go_live import message_queries, queries
from ticketing.go_live.plan_clearing import require_planned
from ticketing.notifications import claim_queries
from ticketing.orders import audit, instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_ids
from ticketing.selling.checkout.cancel_order import close_pending_order
from ticketing.selling.payments import (
    attempt_queries,
    checkout_session_queries,
    entitlement_queries,
    refund_queries,
)
from ticketing.selling.waiting_list import queries as waiting_list_queries
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.rendering import retention_queries
from ticketing.vouchers import transition_queries

CHUNK = 100
REASON = "rehearsal"  # of the revoked tickets, and of leaving a waiting list


@dataclass(frozen=True, slots=True)
class ClearingResult:
    """Numbers of rows that this run cleared."""

    entries: int
    orders: int
    documents: int


def clear_rehearsal(
    database: Database,
    folder: DocumentFolder,
    event: Event,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
    progress: Callable[[str, int], None] | None = None,
) -> ClearingResult:
    """Apply a plan, or continue it; refuses if there is more to clear than planned."""
    planned = database.run(require_planned, event, plan_hash)
    cleared = Counter[str]()
    for what, list_ids, clear, newest in (
        ("waiting entries", queries.list_entry_ids, _clear_entry, planned.newest_entry),
        ("orders", queries.list_order_ids, _clear_order, planned.newest_order),
    ):
        for row_id in iter_ids(database, partial(_list_page, list_ids, event.id, newest)):
            database.run(clear, row_id, at=at, by=by)
            cleared[what] += 1
            if progress is not None:
                progress(what, cleared[what])
    documents = 0
    while removed := database.run(_delete_documents, folder, event, at=at, by=by):
        documents += removed
    return ClearingResult(cleared["waiting entries"], cleared["orders"], documents)


def _list_page(
    list_ids: Callable[..., Sequence[int]],
    event_id: int,
    newest: int,
    connection: Connection,
    after_id: int,
) -> list[int]:
    return list(list_ids(connection, event_id, after_id=after_id, up_to=newest, limit=CHUNK))


def _clear_entry(connection: Connection, entry_id: int, *, at: datetime, by: str) -> None:
    """Take an entry off its waiting list; the order that was offered to it is cleared later."""
    entry = waiting_list_queries.lock(connection, entry_id)
    if entry.left_at is None:
        _discard_messages(connection, message_queries.about_entry(entry_id), at=at)
        waiting_list_queries.record_left(connection, entry, reason=REASON, at=at, by=by)


def _clear_order(connection: Connection, order_id: int, *, at: datetime, by: str) -> None:
    """Clear one order with everything that follows from it, in one transaction."""
    order = order_queries.lock(connection, order_id)
    live = entitlement_queries.withdraw_order(connection, order.id)
    tickets = len(ticket_write_queries.mark_revoked(connection, live, reason=REASON, at=at))
    vouchers = transition_queries.revoke_of_order(
        connection, order.id, reason=transition_queries.REVERSED, at=at
    )
    _return_places(connection, order, at=at)
    _reverse_payments(connection, order, at=at)
    messages = _discard_messages(connection, message_queries.about_order(order.code), at=at)
    for flag in ReviewFlag:
        review_flag_queries.resolve_flag(connection, order.id, flag, at=at)
    details = {"tickets": tickets, "vouchers": vouchers, "messages": messages}
    audit.record(connection, order, by, "orders.clear_rehearsal", items=1, details=details)


def _return_places(connection: Connection, order: Order, *, at: datetime) -> None:
    """Cancel the order, if it is not, and return its places and its promo code."""
    if order.state is OrderState.PENDING:
        close_pending_order(connection, order, OrderState.CANCELLED, at=at)
    elif order.state is OrderState.PAID:
        order_queries.update_state(connection, order, OrderState.CANCELLED, at=at)
        lines = order_queries.list_remaining_lines(connection, order.id)
        stock_queries.return_sold(connection, lines)
        promo_queries.release(connection, order.id, at=at)


def _reverse_payments(connection: Connection, order: Order, *, at: datetime) -> None:
    """Withdraw the outstanding refunds, and end every payment attempt: none is asked about."""
    for refund in refund_queries.list_for_order(connection, order.id):
        if refund.state.is_outstanding:
            _withdraw_refund(connection, refund, at=at)
    if order.payment_plan_id is not None:
        instalment_queries.detach_payments(connection, order.id)
    for attempt in attempt_queries.list_for_order(connection, order.id):
        ended = _end_state(attempt.state)
        if ended is not attempt.state:
            attempt_queries.update_attempt(connection, replace(attempt, state=ended), at=at)
    for session in checkout_session_queries.list_open_for_order(connection, order.id):
        checkout_session_queries.mark_closed(connection, session.attempt_id, at=at)


def _withdraw_refund(connection: Connection, refund: Refund, *, at: datetime) -> None:
    """Cancel an outstanding refund, by way of `failed` if it was to be sent to the gateway."""
    if refund.state in {RefundState.REQUESTED, RefundState.SENT}:
        refund_queries.update_state(connection, refund, RefundState.FAILED, at=at)
        refund = replace(refund, state=RefundState.FAILED)
    refund_queries.update_state(connection, refund, RefundState.CANCELLED, at=at)


def _end_state(state: AttemptState) -> AttemptState:
    """Return the state in which an attempt of a rehearsal ends."""
    if state in {AttemptState.REFUNDED, AttemptState.CHARGED_BACK}:
        return state
    if state.has_taken_money:
        return AttemptState.REVERSED
    return AttemptState.CANCELLED if state.is_open else state


def _discard_messages(connection: Connection, about: ColumnElement[bool], *, at: datetime) -> int:
    """Discard the waiting messages about an order or entry; return their number."""
    waiting = message_queries.list_waiting_deliveries(connection, about)
    for delivery_id in waiting:
        claim_queries.mark_aborted(connection, delivery_id, at=at)
    return len(waiting) + message_queries.discard_messages(connection, about, at=at)


def _delete_documents(
    connection: Connection, folder: DocumentFolder, event: Event, *, at: datetime, by: str
) -> int:
    """Delete some PDFs; after a kill between file and row the next run finds the row."""
    found = queries.lock_documents(connection, event.id, limit=CHUNK)
    freed = sum(folder.delete(document.path) for document in found)
    if found:
        ids = [document.ticket_id for document in found]
        retention_queries.mark_removed(connection, ids, at=at)
        audit_log.record(
            connection,
            actor=by,
            action="documents.remove",
            event_id=event.id,
            subject=event.slug,
            items=len(found),
            details={"bytes": freed},
        )
    return len(found)
