"""Concurrency limits of calls that wait for another system."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

_GATEWAY_LIMITER = CapacityLimiter(8)


T = TypeVar("T")


async def run_gateway_call(call: Callable[[], T]) -> T:
    """Run a call to a gateway in threads of its own, so that it never blocks other requests."""
    return await to_thread.run_sync(call, limiter=_GATEWAY_LIMITER)
