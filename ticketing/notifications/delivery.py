"""Rules of a delivery: states, retries, resends and the order of channels.

Responses and receipts come late, twice and out of order, so within one attempt the state only
rises in rank; a retry is a new attempt from the lowest rank. Rate limits are in `rate_limit.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.notifications.messages.message import (
    Accepted,
    Deferred,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.platform.kernel.retry_policy import RetryPolicy


class DeliveryState(StrEnum):
    """State of a delivery, lowest rank first; the order of the members is the rank."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # being sent, or its process died
    ERROR = "error"  # not sent; will be retried
    UNKNOWN = "unknown"  # may have been sent
    SENT = "sent"  # accepted by the provider
    FAILED = "failed"  # will not arrive by this channel
    DELIVERED = "delivered"  # above failed: an arrival is certain
    READ = "read"

    @property
    def rank(self) -> int:
        """Position in the order; a higher state is never overwritten by a lower one."""
        return _RANKS[self]

    @property
    def has_arrived(self) -> bool:
        """Return whether the message reached the recipient's device."""
        return self.rank >= DeliveryState.DELIVERED.rank


_RANKS = {state: rank for rank, state in enumerate(DeliveryState)}
CLAIM_TIMEOUT = timedelta(minutes=10)  # longer than any provider's timeout


def merge_state(
    before: DeliveryState, reported: DeliveryState, *, is_current_attempt: bool = True
) -> DeliveryState:
    """Return the state after a report; a late or repeated report changes nothing.

    Of an older attempt only an arrival counts, because its failure does not concern the newer one.
    """
    if not is_current_attempt and not reported.has_arrived:
        return before
    return max(before, reported, key=lambda state: state.rank)


def state_from_outcome(outcome: SendOutcome) -> DeliveryState:
    """Return the state that an outcome leads to."""
    return _STATE_BY_OUTCOME[type(outcome)]


_STATE_BY_OUTCOME = {
    Accepted: DeliveryState.SENT,
    Rejected: DeliveryState.FAILED,
    Deferred: DeliveryState.ERROR,
    Unconfirmed: DeliveryState.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """A provider's report about a message, which is found by any of its given ids."""

    state: DeliveryState
    provider_id: str = ""  # as returned by the send request
    alias: str = ""  # another id of the message, which later reports may use alone
    reference: str = ""  # ours
    recipient: str = field(default="", repr=False)
    at: datetime | None = None
    failure: Rejected | Deferred | None = None  # Deferred: a new attempt can help


class Channel(StrEnum):
    """Channel of a delivery. A link is the last resort: staff hand it on."""

    WHATSAPP = "whatsapp"
    MAIL = "mail"
    LINK = "link"


FALLBACK_ORDER = (Channel.WHATSAPP, Channel.MAIL, Channel.LINK)


def channel_order(preferred: Channel | None) -> tuple[Channel, ...]:
    """Return the channels in the order to try them, the preferred one first."""
    return (
        FALLBACK_ORDER
        if preferred is None
        else (preferred, *(each for each in FALLBACK_ORDER if each is not preferred))
    )


def next_channel(
    reachable_by: Collection[Channel],
    tried: Collection[Channel],
    order: Sequence[Channel] = FALLBACK_ORDER,
) -> Channel | None:
    """Return the first reachable channel that was not tried, or None."""
    return next((each for each in order if each in reachable_by and each not in tried), None)


_OPT_OUT_KEYWORDS = {"stop", "berhenti", "henti", "unsubscribe"}


def is_opt_out_request(text: str) -> bool:
    """Return whether a reply is an opt-out: one keyword and nothing else."""
    return text.strip(" \t\r\n.!\"'").casefold() in _OPT_OUT_KEYWORDS


DELIVERY_RETRIES = RetryPolicy(
    delays=(
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=4),
    ),
    spread=0.5,
    max_retry_after=timedelta(hours=24),
)
# for messages that may have been sent; afterwards staff decide
RESENDS = {
    # a duplicate mail is harmless and has the same Message-ID; a lost ticket is not
    Channel.MAIL: RetryPolicy(
        delays=(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4))
    ),
    # a duplicate costs money and looks like spam; most are settled by a receipt within 30 minutes
    Channel.WHATSAPP: RetryPolicy(delays=(timedelta(minutes=30),)),
    Channel.LINK: RetryPolicy(delays=()),
}
