"""The WhatsApp simulator on a port."""

from collections.abc import Callable
from datetime import UTC, datetime

from simulators.http import HttpSimulator
from simulators.timeline import Timeline
from simulators.whatsapp.api import WhatsAppApi
from simulators.whatsapp.cloud import APP_SECRET, TOKEN, CloudApi
from simulators.whatsapp.faults import WhatsAppFaults
from simulators.whatsapp.fonnte import FONNTE_TOKEN, FonnteApi
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.limits import SendingLimiter, SendingLimits
from simulators.whatsapp.message import SimulatedMessage
from simulators.whatsapp.waha import API_KEY, HMAC_KEY, WahaApi
from simulators.whatsapp.webhooks import ReportAttempt, WebhookSender
from simulators.whatsapp.world import WhatsAppState

_DEFAULT_LIMITS = SendingLimits()


def _now() -> datetime:
    return datetime.now(UTC)


class WhatsAppSimulator(HttpSimulator):
    """All three gateways, running inside `with`; `url` is the base URL of each."""

    def __init__(
        self,
        *,
        cloud_webhook: str = "",
        waha_webhook: str = "",
        fonnte_webhook: str = "",
        allowed: SendingLimits = _DEFAULT_LIMITS,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1,
        step_seconds: float = 0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Configure the gateways; delivery states follow each other after `step_seconds`."""
        self.faults = WhatsAppFaults()
        self._timeline = Timeline()
        self._webhooks = WebhookSender(self._timeline, self.faults, speed=speed, clock=clock)
        self.world = WhatsAppState(
            self.faults,
            SendingLimiter(allowed),
            self._timeline,
            clock=clock,
            step_seconds=step_seconds,
        )
        shared = (self.world, self._webhooks)
        self.cloud = CloudApi(*shared, token=TOKEN, app_secret=APP_SECRET, webhook=cloud_webhook)
        self.waha = WahaApi(*shared, api_key=API_KEY, hmac_key=HMAC_KEY, webhook=waha_webhook)
        self.fonnte = FonnteApi(*shared, token=FONNTE_TOKEN, webhook=fonnte_webhook)
        self._api = WhatsAppApi(*shared, cloud=self.cloud, waha=self.waha, fonnte=self.fonnte)
        super().__init__(
            host,
            port,
            self._api.respond,
            self._api.closing.set,
            self._timeline.close,
            self._webhooks.close,
        )

    def subscribe(self, url: str, verify_token: str) -> bool:
        """Subscribe a webhook to the Cloud API if it answers the challenge."""
        if self._webhooks.verify_endpoint(url, verify_token):
            self.cloud.webhook = url
        return self.cloud.webhook == url

    def receive_inbound(self, sender: str, text: str = "Halo") -> None:
        """Send a message to the business, which opens the service window of 24 hours."""
        self.receive_text("cloud", InboundText(sender, text))

    def receive_text(self, gateway: str, wrote: InboundText) -> None:
        """Send a message to the business by cloud, waha or fonnte."""
        self._api.receive_text(gateway, wrote)

    def messages(self, to: str = "", *, at_least: int = 0) -> list[SimulatedMessage]:
        """Return accepted messages, waiting for `at_least`; TimeoutError if fewer arrive."""
        return self.world.messages(to, at_least=at_least)

    def reports(self, at_least: int = 0, within_seconds: float = 60) -> list[ReportAttempt]:
        """Return all report attempts, waiting for `at_least`; TimeoutError if fewer occur."""
        return self._webhooks.attempts(at_least, within_seconds)
