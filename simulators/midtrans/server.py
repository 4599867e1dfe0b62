"""The Midtrans simulator on a port."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from simulators.http import HttpSimulator, Json
from simulators.midtrans.api import MidtransApi
from simulators.midtrans.bank import Bank
from simulators.midtrans.console import MidtransConsole
from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.noise import Noise
from simulators.midtrans.notifier import NotificationAttempt, Notifier
from simulators.timeline import Timeline

SERVER_KEY = "SB-Mid-server-SIMULATOR"
CLIENT_KEY = "SB-Mid-client-SIMULATOR"


def _now() -> datetime:
    return datetime.now(UTC)


class MidtransSimulator(HttpSimulator):
    """Simulated Midtrans, running inside `with`; `url` is the base URL of Snap and the Core API."""

    def __init__(
        self,
        notify: str = "",
        *,
        server_key: str = SERVER_KEY,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1,
        seed: int | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Configure the simulator; `notify` receives notifications of every change.

        `speed` 3600 shortens a retry delay of an hour to a second. Equal seeds give equal
        identifiers, jitter and random faults.
        """
        draw = random.Random(seed)  # noqa: S311 - nothing here is a secret
        noise = Noise(draw.getrandbits(64))
        self.faults = MidtransFaults()
        self.server_key = server_key
        self._timeline = Timeline()
        self._notifier = Notifier(self._timeline, self.faults, noise, speed=speed, clock=clock)
        self.bank = Bank(
            server_key,
            faults=self.faults,
            notifier=self._notifier,
            timeline=self._timeline,
            clock=clock,
            speed=speed,
            draw=draw,
        )
        self._api = MidtransApi(
            server_key,
            bank=self.bank,
            faults=self.faults,
            noise=noise,
            console=MidtransConsole(self.bank, self.faults, self._notifier),
            notify=notify,
        )
        super().__init__(
            host,
            port,
            self._api.respond,
            self._api.closing.set,
            self._timeline.close,
            self._notifier.close,
        )

    def push(self, order_id: str, move: str, method: str = "") -> Json:
        """Apply an event like `Bank.push` and return the status; ValueError if not possible."""
        pushed = self.bank.push(order_id, move, method)
        if pushed is None:
            raise ValueError(f"{order_id}: {move} {method} is not possible now")
        return self.bank.status(str(pushed.number))

    def hurry(self) -> None:
        """Give the answers that are held back, and hold none back from here on."""
        self._api.closing.set()

    def notifications(
        self, at_least: int = 0, within_seconds: float = 60
    ) -> list[NotificationAttempt]:
        """Return all attempts, waiting for `at_least` of them; TimeoutError if fewer occur."""
        return self._notifier.attempts(at_least, within_seconds)
