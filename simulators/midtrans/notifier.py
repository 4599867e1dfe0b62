"""Notifications to the merchant: sending, retries by Midtrans' schedule, log of attempts."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Condition

import httpx

from simulators.http import Json
from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.noise import Noise
from simulators.timeline import Timeline
from simulators.trust import trusted

RETRY_DELAYS_SECONDS = (120, 600, 1800, 5400, 12600)
_RESPONSE_TIMEOUT_SECONDS = 15
_MAX_REDIRECTS = 5
_RETRIES = {500: 1, 503: 4, 400: 2, 404: 2, 301: 0, 302: 0, 303: 0}
_RETRIES_OTHERWISE = 5
_REDIRECT_STATUSES = {307, 308}
_HEADERS = {
    "User-Agent": "Veritrans",
    "Accept": "application/json",
    "Content-Type": "application/json",
}


@dataclass(frozen=True, slots=True)
class NotificationAttempt:
    """One notification request and its response."""

    order_id: str
    transaction_status: str
    url: str
    number: int  # counted from 1
    at: datetime
    body: str
    answer: int | None  # None: no response
    problem: str
    retry_in_seconds: float | None  # before acceleration; None: no retry

    @property
    def is_accepted(self) -> bool:
        """Return whether the merchant responded with 2xx."""
        return self.answer is not None and httpx.codes.is_success(self.answer)


def max_retries(answer: int | None) -> int:
    """Return the total number of retries after this response."""
    if answer is not None and httpx.codes.is_success(answer):
        return 0
    return _RETRIES.get(answer or 0, _RETRIES_OTHERWISE)


class Notifier:
    """Sender of notifications, in order of events unless a fault changes it."""

    def __init__(
        self,
        timeline: Timeline,
        faults: MidtransFaults,
        noise: Noise,
        *,
        speed: float,
        clock: Callable[[], datetime],
    ) -> None:
        """Configure the sender; `speed` 3600 shortens a retry delay of an hour to a second."""
        self._timeline = timeline
        self._faults = faults
        self._noise = noise
        self._speed = speed
        self._clock = clock
        self._client = httpx.Client(
            timeout=_RESPONSE_TIMEOUT_SECONDS, headers=_HEADERS, verify=trusted(), trust_env=False
        )
        self._attempts: list[NotificationAttempt] = []
        self._held: dict[str, Json] = {}
        self._changed = Condition()

    def notify(self, body: Json, urls: tuple[str, ...]) -> None:
        """Send a notification to each URL, subject to the configured faults."""
        if self._faults.take("lost"):
            return
        order_id = str(body["order_id"])
        with self._changed:
            held = self._held.pop(order_id, None)
            waits = held is None and self._faults.disorder_seconds > 0
            if waits:
                self._held[order_id] = body
        if waits:
            release = partial(self._release, order_id, urls)
            self._timeline.schedule(self._faults.disorder_seconds, order_id, release)
            return
        for each in (body, held):
            if each is not None:
                self._send(each, urls)

    def attempts(self, at_least: int = 0, within_seconds: float = 60) -> list[NotificationAttempt]:
        """Return all attempts, waiting for `at_least` of them; TimeoutError if fewer occur."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self._attempts) >= at_least, timeout=within_seconds
            ):
                raise TimeoutError(f"{len(self._attempts)} attempts, not {at_least}")
            return list(self._attempts)

    def close(self) -> None:
        """Close the HTTP connections."""
        self._client.close()

    def _release(self, order_id: str, urls: tuple[str, ...]) -> None:
        with self._changed:
            held = self._held.pop(order_id, None)
        if held is not None:
            self._send(held, urls)

    def _send(self, body: Json, urls: tuple[str, ...]) -> None:
        about = f"{body['order_id']} {body['transaction_status']}"
        noise, late_seconds = self._noise.on_notification(about, self._faults.noise)
        if noise == "lost":
            return
        wire = json.dumps(self._apply_tampering(body, forged=noise == "forged"))
        times = 1 + self._faults.duplicates + (noise == "doubled")
        for url in urls:
            for _ in range(times):
                self._schedule(self._faults.delay_seconds + late_seconds, body, wire, url, 1)

    def _apply_tampering(self, body: Json, *, forged: bool) -> Json:
        wrong = {"signature_key": "0" * 128} if forged or self._faults.take("forged") else {}
        return body | self._faults.flipped | wrong

    def _schedule(self, seconds: float, body: Json, wire: str, url: str, number: int) -> None:
        action = partial(self._try, body, wire, url, number)
        self._timeline.schedule(seconds, str(body["order_id"]), action)

    def _try(self, body: Json, wire: str, url: str, number: int) -> None:
        answer, problem = self._post(url, wire)
        wait = None
        if number <= max_retries(answer):
            delay = RETRY_DELAYS_SECONDS[number - 1]
            wait = delay * (1 + self._noise.jitter(str(body["order_id"])))
            self._schedule(wait / self._speed, body, wire, url, number + 1)
        status, at = str(body["transaction_status"]), self._clock()
        attempt = NotificationAttempt(
            str(body["order_id"]), status, url, number, at, wire, answer, problem, wait
        )
        with self._changed:
            self._attempts.append(attempt)
            self._changed.notify_all()

    def _post(self, url: str, wire: str) -> tuple[int | None, str]:
        ends = time.monotonic() + _RESPONSE_TIMEOUT_SECONDS
        try:
            for _ in range(_MAX_REDIRECTS):
                response = self._client.post(url, content=wire)
                if response.status_code not in _REDIRECT_STATUSES or time.monotonic() > ends:
                    break
                url = str(response.url.join(response.headers.get("Location", "")))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, type(error).__name__
        return response.status_code, ""
