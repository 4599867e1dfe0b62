"""Reports to the business: sending, retries until HTTP 200, log of attempts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Condition

import httpx

from simulators.timeline import Timeline
from simulators.trust import trusted
from simulators.whatsapp.faults import WhatsAppFaults

# increasing delays over a week
RETRY_DELAYS_SECONDS = (10, 30, 120, 600, 3600, 4 * 3600, 24 * 3600, 48 * 3600, 72 * 3600)
_RESPONSE_TIMEOUT_SECONDS = 10

Sign = Callable[[bytes], dict[str, str]]


@dataclass(frozen=True, slots=True)
class ReportAttempt:
    """One report request and its response."""

    what: str
    url: str
    number: int  # counted from 1
    at: datetime
    body: str
    answer: int | None  # None: no response
    retry_in_seconds: float | None  # before acceleration; None: no retry


@dataclass(frozen=True, slots=True)
class _Report:
    url: str
    what: str
    lane: str
    wire: bytes
    headers: dict[str, str]


class WebhookSender:
    """Sender of reports, in order per message unless a fault changes it."""

    def __init__(
        self,
        timeline: Timeline,
        faults: WhatsAppFaults,
        *,
        speed: float,
        clock: Callable[[], datetime],
    ) -> None:
        """Configure the sender; `speed` 3600 shortens a retry delay of an hour to a second."""
        self._timeline = timeline
        self._faults = faults
        self._speed = speed
        self._clock = clock
        self._client = httpx.Client(
            timeout=_RESPONSE_TIMEOUT_SECONDS, verify=trusted(), trust_env=False
        )
        self._attempts: list[ReportAttempt] = []
        self._changed = Condition()

    def verify_endpoint(self, url: str, verify_token: str) -> bool:
        """Return whether a URL answers Meta's challenge correctly."""
        parameters = {
            "hub.mode": "subscribe",
            "hub.challenge": "1158201444",
            "hub.verify_token": verify_token,
        }
        try:
            answer = self._client.get(url, params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return answer.status_code == httpx.codes.OK and answer.text == parameters["hub.challenge"]

    def send_report(self, url: str, body: object, sign: Sign, *, what: str, lane: str) -> None:
        """Send a report, subject to the configured faults; reports of one lane stay in order."""
        if not url or self._faults.take("lost"):
            return
        wire = json.dumps(body).encode()
        headers = sign(b"forged" if self._faults.take("forged") else wire)
        report = _Report(url, what, lane, wire, headers | {"Content-Type": "application/json"})
        for _ in range(1 + self._faults.duplicates):
            self._schedule(report, 1, self._faults.delay_seconds)

    def attempts(self, at_least: int = 0, within_seconds: float = 60) -> list[ReportAttempt]:
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

    def _schedule(self, report: _Report, number: int, seconds: float) -> None:
        self._timeline.schedule(seconds, report.lane, partial(self._try, report, number))

    def _try(self, report: _Report, number: int) -> None:
        try:
            posted = self._client.post(report.url, content=report.wire, headers=report.headers)
            answer = posted.status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            answer = None
        wait = None
        if answer != httpx.codes.OK and number <= len(RETRY_DELAYS_SECONDS):
            wait = RETRY_DELAYS_SECONDS[number - 1]
            self._schedule(report, number + 1, wait / self._speed)
        body, at = report.wire.decode(), self._clock()
        attempt = ReportAttempt(report.what, report.url, number, at, body, answer, wait)
        with self._changed:
            self._attempts.append(attempt)
            self._changed.notify_all()
