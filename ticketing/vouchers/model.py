"""Hotspot vouchers: what is sold, the states one goes through, how long it is valid.

A router counts the time somebody is online; it knows nothing of "24 hours from the first login".
That is counted here.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.orders.order import OrderState
from ticketing.platform.kernel.errors import ImpossibleTransition, UnusablePackage
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers.model import HotspotProfile

_PACKAGE_CODE = re.compile(r"[a-z0-9-]{1,32}")
_PROFILE = re.compile(r"[ -~]{1,64}")  # the router stores bytes, not characters: ASCII only
_NOTHING = timedelta(0)


class ValidityStart(StrEnum):
    """From when on a voucher's validity runs."""

    FROM_SALE = "from_sale"
    FROM_FIRST_USE = "from_first_use"


@dataclass(frozen=True, slots=True)
class Package:
    """What is sold: so long, so fast, so much, for so many devices at once.

    `profile` is the router's name for speed and devices. One that counts from the first use and
    is never used ends `unused_for` after it was sold; None keeps it for ever.
    """

    code: str
    name: str
    price: Rupiah
    profile: str
    validity: timedelta
    counting: ValidityStart = ValidityStart.FROM_FIRST_USE
    unused_for: timedelta | None = None
    online_limit: timedelta | None = None
    bytes_limit: int | None = None
    shared_users: int = 1

    def __post_init__(self) -> None:
        """Refuse what no router could carry out, or nobody could use."""
        if not _PACKAGE_CODE.fullmatch(self.code):
            raise UnusablePackage(f"{self.code!r}: a package's code is a-z, 0-9 and hyphens")
        if not _PROFILE.fullmatch(self.profile):
            raise UnusablePackage(f"{self.code}: {self.profile!r} is no profile's name in ASCII")
        for name in ("validity", "unused_for", "online_limit"):
            lasts = getattr(self, name)
            if lasts is not None and (lasts <= _NOTHING or lasts.microseconds):
                raise UnusablePackage(f"{self.code}: {name} is whole seconds, one or more")
        if self.bytes_limit is not None and self.bytes_limit < 1:
            raise UnusablePackage(f"{self.code}: bytes_limit is 1 or more, or none at all")
        if self.shared_users < 1:
            raise UnusablePackage(f"{self.code}: shared_users is 1 or more")


class ProfileMismatch(StrEnum):
    """Why a router's profile is not what a package promises."""

    MISSING = "missing"
    SHARED_USERS = "shared_users"
    SCRIPT = "script"  # at login; those of voucher printers overwrite our marker


def profile_mismatches(
    package: Package, profiles: Iterable[HotspotProfile]
) -> list[ProfileMismatch]:
    """What is wrong on a router for a package; nothing, if it can be sold there."""
    profile = next((each for each in profiles if each.name == package.profile), None)
    if profile is None:
        return [ProfileMismatch.MISSING]
    wrong = {
        ProfileMismatch.SHARED_USERS: profile.shared_users != package.shared_users,
        ProfileMismatch.SCRIPT: profile.runs_script,
    }
    return [misfit for misfit, is_so in wrong.items() if is_so]


class VoucherState(StrEnum):
    """Where a voucher is on its way to the router and off it again."""

    PENDING = "owed"  # wanted on the router, and as far as we know not there
    PROVISIONING = "asked"  # the router was asked; until it answers, only reading back tells
    ACTIVE = "present"
    REVOKING = "ending"  # to be taken off the router
    REMOVED = "gone"


# asked -> owed: refused, or read back and absent; present -> owed: the router lost it
ALLOWED_TRANSITIONS = {
    VoucherState.PENDING: {VoucherState.PROVISIONING, VoucherState.REMOVED},
    VoucherState.PROVISIONING: {VoucherState.ACTIVE, VoucherState.PENDING, VoucherState.REVOKING},
    VoucherState.ACTIVE: {VoucherState.REVOKING, VoucherState.PENDING},
    VoucherState.REVOKING: {VoucherState.REMOVED},
    VoucherState.REMOVED: set[VoucherState](),
}
_FULFILLED_STATES = {VoucherState.ACTIVE, VoucherState.REVOKING, VoucherState.REMOVED}


def check_transition(key: str, old: VoucherState, new: VoucherState) -> VoucherState:
    """The state to go to; refuses a move that is not in the table."""
    if new not in ALLOWED_TRANSITIONS[old]:
        raise ImpossibleTransition(f"voucher {key}: {old} -> {new}")
    return new


class PurchaseState(StrEnum):
    """What a buyer is told; fewer vouchers than ordered is never `completed`."""

    PENDING = "pending"  # not paid, or paid and on the way
    COMPLETED = "completed"
    FAILED = "failed"  # never paid
    VOUCHER_GENERATION_FAILED = "voucher_generation_failed"  # paid, and we stopped trying for now


def purchase_state(
    order: OrderState, vouchers: Collection[VoucherState], ordered: int, *, has_failed: bool
) -> PurchaseState:
    """Where a purchase stands, from its order and the vouchers made for it so far."""
    if order is OrderState.PENDING:
        return PurchaseState.PENDING
    if order is not OrderState.PAID:
        return PurchaseState.FAILED
    if sum(state in _FULFILLED_STATES for state in vouchers) >= ordered:
        return PurchaseState.COMPLETED
    return PurchaseState.VOUCHER_GENERATION_FAILED if has_failed else PurchaseState.PENDING


def validity_end(
    package: Package, started_at: datetime, first_used_at: datetime | None
) -> datetime | None:
    """When a voucher's validity is over; None when nothing ends it as things are.

    `had_at` is when it was both sold and on its router: an outage costs the buyer nothing.
    """
    if package.counting is ValidityStart.FROM_SALE:
        return started_at + package.validity
    if first_used_at is not None:
        return first_used_at + package.validity
    return None if package.unused_for is None else started_at + package.unused_for


def estimate_first_use(
    known: datetime | None, *, seen_at: datetime, online: timedelta
) -> datetime | None:
    """When a voucher was first used, as far as a look at the router at `seen_at` tells.

    Somebody who was online for an hour in all began an hour ago or earlier. The latest moment
    that is possible is taken: a buyer may get more than was paid for, never less.
    """
    if online <= _NOTHING:
        return known
    latest = seen_at - online
    return latest if known is None else min(known, latest)


def is_used_up(package: Package, *, online: timedelta, bytes_used: int) -> bool:
    """Whether a limit is reached: the router then refuses the voucher, and keeps its row."""
    no_time = package.online_limit is not None and online >= package.online_limit
    return no_time or (package.bytes_limit is not None and bytes_used >= package.bytes_limit)
