"""Ask the gateway about many payment attempts side by side; nothing is recorded here."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from ticketing.orders.payment_attempt import AttemptReference, PaymentStatus
from ticketing.platform.kernel.errors import GatewayUnavailable, TicketingError, Unavailable
from ticketing.selling.payments.midtrans.call_count import GatewayCall, counting_calls
from ticketing.selling.payments.settle import STATUS_CONCURRENCY, PaymentGateway

MAX_CONSECUTIVE_FAILURES = 8  # then the gateway is down, and asking on would only take hours


@dataclass(frozen=True, slots=True)
class GatewayReply:
    """The gateway's answer about one attempt, None if unknown. `error` is a message or empty."""

    key: str
    payment_status: PaymentStatus | None
    error: str = ""
    calls: Mapping[GatewayCall, int] = field(default_factory=dict)


def poll_attempts(
    gateway: PaymentGateway,
    references: Sequence[AttemptReference],
    *,
    concurrency: int = STATUS_CONCURRENCY,
) -> Iterator[GatewayReply]:
    """Yield one answer per attempt as they come; raise GatewayUnavailable if the gateway is down.

    An answer that hangs holds up no other.
    """
    failures = 0
    with ThreadPoolExecutor(concurrency, thread_name_prefix="polling") as pool:
        futures = [pool.submit(_poll_attempt, gateway, one) for one in references]
        try:
            for future in as_completed(futures):
                answer, is_failure = future.result()
                failures = failures + 1 if is_failure else 0
                yield answer
                if failures >= MAX_CONSECUTIVE_FAILURES:
                    raise GatewayUnavailable(
                        f"no answer to {failures} requests in a row; try again later"
                    )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _poll_attempt(
    gateway: PaymentGateway, reference: AttemptReference
) -> tuple[GatewayReply, bool]:
    key = reference.key
    with counting_calls() as calls:
        try:
            status = gateway.get_payment_status(key, reference.transaction_ids)
        except TicketingError as error:
            is_failure = isinstance(error, Unavailable)
            return GatewayReply(key, None, str(error), calls=calls), is_failure
        return GatewayReply(key, status, calls=calls), False
