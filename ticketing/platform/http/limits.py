"""Concurrency limits of calls that wait for another system."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

_GATEWAY_LIMITER = CapacityLimiter(8)


T = TypeVar("T")


async def run_gateway_call(call: Callable[[], T]) -> T:
    """Do what may take as long as a gateway does, away from the threads that all others need."""
    return await to_thread.run_sync(call, limiter=_GATEWAY_LIMITER)
