"""Signed notifications of money that are not settled: their orders keep their places.

A notification waits, was postponed because the gateway did not answer, or was quarantined because
its answers made no sense. The money may be at the gateway in every case.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from ticketing.platform.db import inbox
from ticketing.platform.db.inbox import InboxOutcome, StoredWebhook
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.signed_fields import read_stored_fields


@dataclass(frozen=True, slots=True)
class UnsettledMoney:
    """A signed notification of money that was not settled; `problem` describes it to staff."""

    transaction_id: str
    is_waiting: bool
    problem: str


def list_unsettled_money(
    connection: Connection, attempts: Iterable[PaymentAttempt], answered: Collection[str]
) -> list[UnsettledMoney]:
    """Return the unsettled notifications of money about these attempts.

    `answered` has the transactions that the gateway has just described. With one of them a
    quarantined notification is settled, but a waiting one is not: its money may be newer.
    """
    unpaid = [one for one in attempts if not one.state.has_taken_money]
    names = [name for one in unpaid for name in (one.key, one.transaction_id) if name]
    found = map(_unsettled_money, inbox.list_by_reference(connection, names))
    return [
        one
        for one in found
        if one is not None and (one.is_waiting or one.transaction_id not in answered)
    ]


def _unsettled_money(webhook: StoredWebhook) -> UnsettledMoney | None:
    if webhook.outcome not in {None, InboxOutcome.QUARANTINED}:
        return None
    fields = read_stored_fields(webhook.body)
    if fields is None or not fields.reports_money:
        return None
    state = f"is {webhook.outcome}" if webhook.outcome else "waits"
    transaction = f", transaction {fields.transaction_id}," if fields.transaction_id else ""
    named = f"{webhook.external_reference}{transaction}"
    problem = f"a signed notification of money for {named} {state}"
    problem += f": {webhook.reason}" if webhook.reason else ""
    return UnsettledMoney(fields.transaction_id, webhook.outcome is None, problem)
