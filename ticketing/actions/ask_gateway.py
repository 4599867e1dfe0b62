"""Asking the gateway about many payment attempts: several at a time, for most of it is waiting."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ticketing.actions.settle import Gateway
from ticketing.domain.errors import GatewayUnavailable, TicketingError, Unavailable
from ticketing.domain.payments import Statement

AT_A_TIME = 4
SILENT_IN_A_ROW = 8  # then it is away, and asking on would only take hours


@dataclass(frozen=True, slots=True)
class Answer:
    """What it says of one attempt: None when it knows none. `trouble` is why there is no answer."""

    key: str
    statement: Statement | None
    trouble: str = ""


def ask(gateway: Gateway, keys: Sequence[str]) -> Iterator[Answer]:
    """One answer a key, in their order. Raises GatewayUnavailable when the gateway is away."""
    silent = 0
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="asking") as pool:
        for start in range(0, len(keys), AT_A_TIME):
            asked = keys[start : start + AT_A_TIME]
            for answer, was_silent in pool.map(lambda key: _ask(gateway, key), asked):
                silent = silent + 1 if was_silent else 0
                yield answer
            if silent >= SILENT_IN_A_ROW:
                raise GatewayUnavailable(f"the gateway gave {silent} times no answer; ask later")


def _ask(gateway: Gateway, key: str) -> tuple[Answer, bool]:
    try:
        return Answer(key, gateway.statement(key)), False
    except Unavailable as error:
        return Answer(key, None, str(error)), True
    except TicketingError as error:
        return Answer(key, None, str(error)), False
