"""A message on its way: how far it has come, when to try again, and by which channel.

Our own answers and a vendor's reports come late, twice and out of order, so within one attempt a
delivery only climbs. Trying again begins a new attempt at the foot. How fast messages may go, and
when to stop, is in delivery_pace.py.
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
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.retry_policy import RetryPolicy


class DeliveryState(StrEnum):
    """How far a delivery has come, lowest rank first: the order of these lines is the rule."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # somebody is about to send it, or died while doing so
    ERROR = "error"  # not sent; will be tried again
    UNKNOWN = "unknown"  # perhaps sent
    SENT = "sent"  # the vendor has it
    FAILED = "failed"  # it will not arrive this way
    DELIVERED = "delivered"  # above failed: whoever has it, has it
    READ = "read"

    @property
    def rank(self) -> int:
        """A higher one is never overwritten by a lower one."""
        return _RANKS[self]

    @property
    def has_arrived(self) -> bool:
        """Whether the recipient's own device has it."""
        return self.rank >= DeliveryState.DELIVERED.rank

    @property
    def is_claimable(self) -> bool:
        """Whether a new attempt may begin. One that was perhaps sent counts: see `resend_after`."""
        return self in _CLAIMABLE


_RANKS = {state: rank for rank, state in enumerate(DeliveryState)}
_CLAIMABLE = {
    DeliveryState.QUEUED,
    DeliveryState.ERROR,
    DeliveryState.UNKNOWN,
    DeliveryState.FAILED,  # when a person asks, or the failure was one that passes
}


CLAIM_TIMEOUT = timedelta(minutes=10)  # longer than any vendor may take to answer


def begin_attempt(before: DeliveryState) -> DeliveryState:
    """Begin an attempt; refuses what is under way or has left us."""
    if not before.is_claimable:
        raise ImpossibleTransition(f"delivery: {before} -> {DeliveryState.CLAIMED}")
    return DeliveryState.CLAIMED


def merge_state(
    before: DeliveryState, reported: DeliveryState, *, is_current_attempt: bool = True
) -> DeliveryState:
    """The state after one more report; what is late or repeated changes nothing.

    Of an older attempt only an arrival counts: that it failed says nothing of the newer one.
    """
    if not is_current_attempt and not reported.has_arrived:
        return before
    return max(before, reported, key=lambda state: state.rank)


def state_from_outcome(outcome: SendOutcome) -> DeliveryState:
    """What the answer to an attempt says of it."""
    return _STATE_BY_OUTCOME[type(outcome)]


_STATE_BY_OUTCOME = {
    Accepted: DeliveryState.SENT,
    Rejected: DeliveryState.FAILED,
    Deferred: DeliveryState.ERROR,
    Unconfirmed: DeliveryState.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What a vendor tells afterwards of a message, found by whichever of its names is given."""

    state: DeliveryState
    provider_id: str = ""  # as the answer to sending had it
    alias: str = ""  # another name of the same message, by which later reports may come alone
    reference: str = ""  # ours
    recipient: str = field(default="", repr=False)
    at: datetime | None = None
    failure: Rejected | Deferred | None = None  # why it failed; Later: a new attempt can help


class Channel(StrEnum):
    """How somebody is reached. A link is the last: an operator hands it on."""

    WHATSAPP = "whatsapp"
    MAIL = "mail"
    LINK = "link"


FALLBACK_ORDER = (Channel.WHATSAPP, Channel.MAIL, Channel.LINK)


def channel_order(preferred: Channel | None) -> tuple[Channel, ...]:
    """The order in which channels are tried when one of them is wished for."""
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
    """The first channel not tried yet; None when all were."""
    return next((each for each in order if each in reachable_by and each not in tried), None)


_OPT_OUT_KEYWORDS = {"stop", "berhenti", "henti", "unsubscribe"}


def is_opt_out_request(text: str) -> bool:
    """Whether somebody wrote back that they want no more such messages: one word, nothing else."""
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
    # a second mail is cheap, a lost ticket is not, and its Message-ID is the same
    Channel.MAIL: RetryPolicy(
        delays=(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4))
    ),
    # a second message costs money and looks like spam: a report settles most within the half hour
    Channel.WHATSAPP: RetryPolicy(delays=(timedelta(minutes=30),)),
    Channel.LINK: RetryPolicy(delays=()),
}
