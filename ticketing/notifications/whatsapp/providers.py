"""Which of the vendors carries our WhatsApp messages: its client, its pace, and its webhook."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.notifications.delivery import Report
from ticketing.notifications.rate_limit import Pace
from ticketing.notifications.whatsapp.cloud import CloudAccount, CloudWhatsApp
from ticketing.notifications.whatsapp.fonnte import FonnteAccount, FonnteWhatsApp
from ticketing.notifications.whatsapp.status_webhooks import (
    Inbound,
    is_metas,
    is_wahas,
    read_fonnte,
    read_meta,
    read_waha,
)
from ticketing.notifications.whatsapp.waha import WahaAccount, WahaWhatsApp

Told = list[Report | Inbound]
META_FIRST_TIER = 250  # people in 24 hours; a new number of one's own fares no better
UNOFFICIAL_APART = timedelta(seconds=30)


class Vendor(StrEnum):
    """As its webhook's address names it."""

    CLOUD = "cloud"
    WAHA = "waha"
    FONNTE = "fonnte"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is agreed with a vendor. `secret` proves its reports, `word` is Meta's challenge."""

    vendor: Vendor
    token: str = field(repr=False)
    url: str = ""  # empty: the vendor's own
    phone_id: str = ""
    secret: str = field(default="", repr=False)
    word: str = field(default="", repr=False)
    is_rehearsal: bool = False

    @classmethod
    def rehearsal(cls, url: str) -> "Subscription":
        """A simulator that tells nobody anything, so its keys are no secret."""
        return cls(
            Vendor.CLOUD, "EAAREHEARSAL", url, "106540352242922", "app-secret-rehearsal",
            "verify-rehearsal", is_rehearsal=True,
        )  # fmt: skip

    def client(self) -> CloudWhatsApp | WahaWhatsApp | FonnteWhatsApp:
        """What sends; refuses what nobody could send with."""
        own = {"url": self.url} if self.url else {}
        match self.vendor:
            case Vendor.CLOUD:
                return CloudWhatsApp(CloudAccount(self.phone_id, self.token, **own))
            case Vendor.WAHA:
                session = self.phone_id or "default"
                return WahaWhatsApp(WahaAccount(self.url, self.token, session))
        return FonnteWhatsApp(FonnteAccount(self.token, **own))

    def pace(self, per_day: int | None, seconds_apart: float | None) -> Pace:
        """As an operator wants it, else as the vendor bears it."""
        if self.is_rehearsal:
            usual = Pace(None)
        else:
            is_metas_own = self.vendor is Vendor.CLOUD
            usual = Pace(META_FIRST_TIER, timedelta(0) if is_metas_own else UNOFFICIAL_APART)
        apart = usual.apart if seconds_apart is None else timedelta(seconds=seconds_apart)
        return Pace(per_day or usual.per_day, apart)

    def is_theirs(self, body: bytes, head: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether the vendor itself sent these bytes; never so without a secret."""
        match self.vendor:
            case Vendor.CLOUD:
                return is_metas(body, head.get("x-hub-signature-256", ""), self.secret)
            case Vendor.WAHA:
                return is_wahas(body, head.get("x-webhook-hmac", ""), self.secret)
        given = query.get("key", "")
        return bool(self.secret) and hmac.compare_digest(given.encode(), self.secret.encode())


def read_reports(vendor: Vendor, body: bytes) -> Told:
    """What a vendor tells; raises UnreadableReport."""
    return _READERS[vendor](body)


def _one(report: Report | None) -> Told:
    return [] if report is None else [report]


_READERS: dict[Vendor, Callable[[bytes], Told]] = {
    Vendor.CLOUD: read_meta,
    Vendor.WAHA: lambda body: _one(read_waha(body)),
    Vendor.FONNTE: lambda body: _one(read_fonnte(body)),
}
