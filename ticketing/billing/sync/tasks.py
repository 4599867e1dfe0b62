"""Small tools for asyncio tasks, where a thread that writes must never be left behind."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await work to its end, also when cancelled: what it writes must not come later."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def first(*work: "asyncio.Future[Any]") -> None:
    """Wait for the first one to end."""
    await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)


async def cancel(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait for their ends, whatever these are."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
