"""Count the requests to the gateway, by kind, where their result is recorded."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class GatewayCall(StrEnum):
    """Kinds of requests to the gateway."""

    CREATE = "create"  # a checkout session
    STATUS = "status"
    CANCEL = "cancel"  # a session or a payment
    REFUND = "refund"


CallCount = Counter[GatewayCall]
_counted: ContextVar[CallCount | None] = ContextVar("gateway_calls", default=None)


@contextmanager
def counting_calls() -> Iterator[CallCount]:
    """Count the requests of this thread, repeated ones too; a nested count is not added."""
    calls = CallCount()
    token = _counted.set(calls)
    try:
        yield calls
    finally:
        _counted.reset(token)


def count_call(kind: GatewayCall) -> None:
    """Count a request that is about to be sent."""
    calls = _counted.get()
    if calls is not None:
        calls[kind] += 1
