"""Store the number of requests to the gateway about an attempt, by kind."""

from collections.abc import Iterator
from contextlib import contextmanager

from ticketing.platform.db.database import Database
from ticketing.selling.payments import gateway_call_queries
from ticketing.selling.payments.midtrans.call_count import counting_calls


@contextmanager
def recording_calls(database: Database, attempt_key: str) -> Iterator[None]:
    """Count the requests of this thread and store them at the end, those that failed too."""
    with counting_calls() as calls:
        try:
            yield
        finally:
            database.run(gateway_call_queries.add, attempt_key, calls)
