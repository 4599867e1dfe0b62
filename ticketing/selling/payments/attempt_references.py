"""The names under which the gateway knows payment attempts, collected from attempts and inbox.

A notification proves nothing but its origin: a transaction id from one only says what else to ask
the gateway about.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from ticketing.orders.payment_attempt import AttemptReference
from ticketing.platform.db import inbox
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.midtrans.signed_fields import read_stored_fields


def collect_references(connection: Connection, keys: Sequence[str]) -> list[AttemptReference]:
    """Return a reference per key, in order, with the transaction ids known for it."""
    known = defaultdict[str, dict[str, None]](dict)  # ordered sets
    for key, transaction_id in attempt_queries.list_transaction_ids(connection, keys):
        known[key][transaction_id] = None
    for webhook in inbox.list_by_reference(connection, keys):
        fields = read_stored_fields(webhook.body)
        if fields is not None:
            known[webhook.external_reference][fields.transaction_id] = None
    return [AttemptReference(key, tuple(filter(None, known[key]))) for key in keys]


def collect_reference(connection: Connection, key: str) -> AttemptReference:
    """Return the reference of one attempt."""
    (reference,) = collect_references(connection, [key])
    return reference
