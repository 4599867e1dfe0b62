"""Rules of hotspot vouchers: packages, states, validity and the state of a purchase.

A router counts only the time a device is online and has no notion of "24 hours from the first
login"; this module computes that.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.orders.order import OrderState
from ticketing.platform.kernel.errors import UnusablePackage
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers.model import HotspotProfile

_PACKAGE_CODE = re.compile(r"[a-z0-9-]{1,32}")
_PROFILE = re.compile(r"[ -~]{1,64}")  # the router stores bytes, not characters: ASCII only
_NOTHING = timedelta(0)


class ValidityStart(StrEnum):
    """The moment from which a voucher's validity runs."""

    FROM_SALE = "from_sale"
    FROM_FIRST_USE = "from_first_use"


@dataclass(frozen=True, slots=True)
class Package:
    """A package: duration, bandwidth profile, data limit, concurrent devices.

    `profile` is the router's user profile, which sets bandwidth and devices. A voucher counted from
    its first use that is never used ends `unused_expiry` after its sale; None means never.
    """

    code: str
    name: str
    price: Rupiah
    profile: str
    validity: timedelta
    validity_start: ValidityStart = ValidityStart.FROM_FIRST_USE
    unused_expiry: timedelta | None = None
    online_limit: timedelta | None = None
    bytes_limit: int | None = None
    shared_users: int = 1

    def __post_init__(self) -> None:
        """Raise UnusablePackage for terms that no router can apply."""
        if not _PACKAGE_CODE.fullmatch(self.code):
            raise UnusablePackage(
                f"{self.code!r}: a package code has 1 to 32 of a-z, 0-9 and hyphens"
            )
        if not _PROFILE.fullmatch(self.profile):
            raise UnusablePackage(
                f"{self.code}: {self.profile!r} is no profile name; use 1 to 64 ASCII characters"
            )
        for name in ("validity", "unused_expiry", "online_limit"):
            lasts = getattr(self, name)
            if lasts is not None and (lasts <= _NOTHING or lasts.microseconds):
                raise UnusablePackage(f"{self.code}: {name} must be whole seconds, at least 1")
        if self.bytes_limit is not None and self.bytes_limit < 1:
            raise UnusablePackage(
                f"{self.code}: bytes_limit must be at least 1, or None for unlimited"
            )
        if self.shared_users < 1:
            raise UnusablePackage(f"{self.code}: shared_users must be at least 1")


def router_time_limit(
    online_limit: timedelta | None, validity: timedelta, shared_users: int
) -> timedelta:
    """Return the time online after which the router itself ends a voucher.

    Without a sold limit it is the validity on every device, so that a voucher ends on its router
    even while nobody polls it. Buyers never meet it: the validity ends no later.
    """
    return online_limit or validity * shared_users


class ProfileMismatch(StrEnum):
    """A difference between a router's profile and the package that uses it."""

    MISSING = "missing"
    SHARED_USERS = "shared_users"
    SCRIPT = "script"  # at login; scripts of voucher printers overwrite our marker


def profile_mismatches(
    package: Package, profiles: Iterable[HotspotProfile]
) -> list[ProfileMismatch]:
    """Return the reasons why the package cannot be sold on a router with these profiles."""
    profile = next((each for each in profiles if each.name == package.profile), None)
    if profile is None:
        return [ProfileMismatch.MISSING]
    wrong = {
        ProfileMismatch.SHARED_USERS: profile.shared_users != package.shared_users,
        ProfileMismatch.SCRIPT: profile.runs_script,
    }
    return [mismatch for mismatch, differs in wrong.items() if differs]


class VoucherState(StrEnum):
    """State of a voucher between allocation and removal from its router.

    It goes back from provisioning to pending if it was refused, or read back and absent; from
    active to pending if the router lost it. Only a pending one is removed without revoking.
    """

    PENDING = "pending"  # to be created; not on the router as far as known
    PROVISIONING = "provisioning"  # requested; without a reply, only reading back decides
    ACTIVE = "active"
    REVOKING = "revoking"  # to be removed from the router
    REMOVED = "removed"


UNPLACED_STATES = (VoucherState.PENDING, VoucherState.PROVISIONING)
LIVE_STATES = (*UNPLACED_STATES, VoucherState.ACTIVE)
_FULFILLED_STATES = {VoucherState.ACTIVE, VoucherState.REVOKING, VoucherState.REMOVED}


class PurchaseState(StrEnum):
    """State of a purchase as shown to its buyer; `completed` requires every ordered voucher."""

    PENDING = "pending"  # not paid, or paid and in progress
    COMPLETED = "completed"
    FAILED = "failed"  # never paid
    VOUCHER_GENERATION_FAILED = "voucher_generation_failed"  # paid, retries exhausted


def purchase_state(
    order: OrderState, vouchers: Collection[VoucherState], ordered: int, *, has_failed: bool
) -> PurchaseState:
    """Return the state of a purchase from its order and the vouchers allocated so far."""
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
    """Return the end of a voucher's validity, or None if nothing ends it yet.

    The start is the later of its sale and its activation, so an outage does not shorten it.
    """
    if package.validity_start is ValidityStart.FROM_SALE:
        return started_at + package.validity
    if first_used_at is not None:
        return first_used_at + package.validity
    return None if package.unused_expiry is None else started_at + package.unused_expiry


def estimate_first_use(
    known: datetime | None, *, seen_at: datetime, online: timedelta
) -> datetime | None:
    """Return the time of first use as far as a poll at `seen_at` shows, or the known one.

    A device that has been online for an hour in total started an hour ago or earlier. The latest
    possible moment is used, so that the validity is never shorter than what was paid for.
    """
    if online <= _NOTHING:
        return known
    latest = seen_at - online
    return latest if known is None else min(known, latest)


def is_used_up(package: Package, *, online: timedelta, bytes_used: int) -> bool:
    """Return whether a limit is reached; the router then refuses the voucher and keeps its row."""
    no_time = package.online_limit is not None and online >= package.online_limit
    return no_time or (package.bytes_limit is not None and bytes_used >= package.bytes_limit)
