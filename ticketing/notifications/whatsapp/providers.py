"""Configuration of the WhatsApp provider: client, rate limit and webhook."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.notifications.channels.acknowledgements import AcknowledgementPolicy
from ticketing.notifications.rate_limit import RateLimit
from ticketing.notifications.whatsapp.cloud import CloudAccount, CloudClient
from ticketing.notifications.whatsapp.fonnte import FonnteAccount, FonnteClient
from ticketing.notifications.whatsapp.status_webhooks import (
    is_signed_by_meta,
    is_signed_by_waha,
    parse_fonnte_webhook,
    parse_meta_webhook,
    parse_waha_webhook,
)
from ticketing.notifications.whatsapp.waha import WahaAccount, WahaClient
from ticketing.notifications.whatsapp.webhook_items import WebhookItems

META_FIRST_TIER_PER_DAY = 250  # recipients in 24 hours; the default for unofficial gateways too
WAHA_ACKNOWLEDGEMENT_MINUTES = 15
UNOFFICIAL_MIN_INTERVAL = timedelta(seconds=30)


class WhatsAppProvider(StrEnum):
    """Provider, as named in its webhook's address."""

    CLOUD = "cloud"
    WAHA = "waha"
    FONNTE = "fonnte"


@dataclass(frozen=True, slots=True)
class WhatsAppProviderConfig:
    """Configuration of a provider. `secret` verifies its webhooks."""

    provider: WhatsAppProvider
    token: str = field(repr=False)
    url: str = ""  # empty: the provider's default
    phone_id: str = ""
    webhook_secret: str = field(default="", repr=False)
    verify_token: str = field(default="", repr=False)
    is_simulator: bool = False

    @classmethod
    def for_simulator(cls, url: str) -> "WhatsAppProviderConfig":
        """Return the configuration of the simulator; its keys are not secret."""
        return cls(
            WhatsAppProvider.CLOUD, "EAASIMULATOR", url, "106540352242922", "app-secret-simulator",
            "verify-simulator", is_simulator=True,
        )  # fmt: skip

    def client(self) -> CloudClient | WahaClient | FonnteClient:
        """Return the provider's client; raise Misconfigured for incomplete settings."""
        own = {"url": self.url} if self.url else {}
        match self.provider:
            case WhatsAppProvider.CLOUD:
                return CloudClient(CloudAccount(self.phone_id, self.token, **own))
            case WhatsAppProvider.WAHA:
                session = self.phone_id or "default"
                return WahaClient(WahaAccount(self.url, self.token, session))
        return FonnteClient(FonnteAccount(self.token, **own))

    def rate_limit(self, per_day: int | None, min_interval_seconds: float | None) -> RateLimit:
        """Return the configured rate limit, with the provider's defaults."""
        if self.is_simulator:
            usual = RateLimit(None)
        else:
            is_metas_own = self.provider is WhatsAppProvider.CLOUD
            usual = RateLimit(
                META_FIRST_TIER_PER_DAY, timedelta(0) if is_metas_own else UNOFFICIAL_MIN_INTERVAL
            )
        apart = (
            usual.min_interval
            if min_interval_seconds is None
            else timedelta(seconds=min_interval_seconds)
        )
        return RateLimit(per_day or usual.per_day, apart)

    def acknowledgement_policy(
        self, client: object, minutes: float | None
    ) -> AcknowledgementPolicy | None:
        """Return how long acknowledgements are waited for; None does not wait.

        By default WAHA's are: it is known to accept messages that it never sends.
        """
        if minutes is None and isinstance(client, WahaClient):
            minutes = WAHA_ACKNOWLEDGEMENT_MINUTES
        if not minutes:
            return None
        read_back = client.read_acknowledgement if isinstance(client, WahaClient) else None
        return AcknowledgementPolicy(timedelta(minutes=minutes), read_back)

    def has_valid_signature(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> bool:
        """Return whether the provider sent these bytes; False without a secret."""
        match self.provider:
            case WhatsAppProvider.CLOUD:
                return is_signed_by_meta(
                    body, headers.get("x-hub-signature-256", ""), self.webhook_secret
                )
            case WhatsAppProvider.WAHA:
                return is_signed_by_waha(
                    body, headers.get("x-webhook-hmac", ""), self.webhook_secret
                )
        given = query.get("key", "")
        return bool(self.webhook_secret) and hmac.compare_digest(
            given.encode(), self.webhook_secret.encode()
        )


def parse_status_webhook(provider: WhatsAppProvider, body: bytes) -> WebhookItems:
    """Parse a provider's webhook; raise UnreadableReport if it is malformed."""
    return _PARSERS[provider](body)


_PARSERS: dict[WhatsAppProvider, Callable[[bytes], WebhookItems]] = {
    WhatsAppProvider.CLOUD: parse_meta_webhook,
    WhatsAppProvider.WAHA: parse_waha_webhook,
    WhatsAppProvider.FONNTE: parse_fonnte_webhook,
}
