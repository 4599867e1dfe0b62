"""A source of payment records in memory, which a test can change and break."""

import asyncio
import hashlib
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from ticketing.billing.sources.contract import (
    Bill,
    FailedFetch,
    FailureClass,
    FetchedRecord,
    FetchOutcome,
    ListedStudent,
    NotModified,
    PaymentState,
    SourceError,
)

FAST = 100_000.0  # requests a second


def spp(due: int = 350_000, paid: int = 0, month: str = "2026-07") -> Bill:
    """Return a bill of a month."""
    state = PaymentState.PAID if paid >= due else PaymentState.UNPAID
    return Bill(f"SPP:{month}", "SPP", month, Decimal(due), Decimal(paid), state, None, None)


@dataclass
class School:
    """Students and their bills; failures are answered first, in order. It counts requests."""

    name: str = "school"
    mapping_version: str = "m1"
    bills: dict[str, list[Bill]] = field(default_factory=dict)
    failures: defaultdict[str, deque[FailureClass]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    list_failure: SourceError | None = None
    latency: float = 0.0
    with_etags: bool = True
    listed_twice: tuple[str, ...] = ()
    retry_after: float | None = None
    asked: list[tuple[float, str]] = field(default_factory=list)
    answered_not_modified: int = 0
    request_log: Path | None = None

    def enrol(self, count: int, *, begin: int = 0) -> None:
        """Add students with a bill each."""
        for number in range(begin, begin + count):
            self.bills[f"{number:07}"] = [spp(paid=number % 2 * 350_000)]

    async def list_students(self) -> AsyncIterator[ListedStudent]:
        for external_id in (*self.bills, *self.listed_twice):
            yield ListedStudent(external_id, f"Siswa {external_id}", "XI A")
        if self.list_failure is not None:
            raise self.list_failure

    async def fetch_record(self, external_id: str, etag: str | None) -> FetchOutcome:
        self.asked.append((time.monotonic(), external_id))
        if self.request_log is not None:
            with self.request_log.open("a") as log:
                log.write(f"{external_id}\n")
        if self.latency:
            await asyncio.sleep(self.latency)
        waiting = self.failures[external_id] or self.failures["*"]
        if waiting:
            return FailedFetch(external_id, waiting.popleft(), "as scripted", self.retry_after)
        if external_id not in self.bills:
            return FailedFetch(external_id, FailureClass.NOT_FOUND, "unknown")
        return self._record(external_id, etag)

    def _record(self, external_id: str, etag: str | None) -> FetchOutcome:
        bills = tuple(self.bills[external_id])
        raw = json.dumps({"idperson": external_id, "bills": [str(bill) for bill in bills]})
        checksum = hashlib.sha256(raw.encode()).hexdigest()
        current = f'"{checksum[:8]}"' if self.with_etags else None
        if etag is not None and etag == current:
            self.answered_not_modified += 1
            return NotModified(external_id)
        return FetchedRecord(external_id, raw, checksum, current, bills)

    async def aclose(self) -> None:
        pass

    @property
    def requests(self) -> list[str]:
        """Return the students asked for, in order."""
        return [external_id for _, external_id in self.asked]


@pytest.fixture
def school() -> School:
    """Return a source without students."""
    return School()


@pytest.fixture
def bill_of() -> Callable[..., Bill]:
    """Return a function that makes a bill of a month."""
    return spp
