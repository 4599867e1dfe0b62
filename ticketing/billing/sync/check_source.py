"""Ask a source for one student and show what came, without storing anything."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from ticketing.billing.sources.contract import Bill, FailedFetch, FetchedRecord, FetchOutcome
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.records.record_change import find_unstorable


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What the source answered; `problem` is empty if a sync would store it."""

    external_id: str
    problem: str
    raw: str = ""
    bills: tuple[Bill, ...] = ()

    @property
    def due(self) -> Decimal:
        """Return the sum of the amounts due."""
        return sum((bill.amount_due for bill in self.bills), Decimal(0))

    @property
    def paid(self) -> Decimal:
        """Return the sum of the amounts paid."""
        return sum((bill.amount_paid for bill in self.bills), Decimal(0))


def check_source(connector: BillingConnector, external_id: str) -> SourceCheck:
    """Make one attempt at one student's record. Raises Misconfigured."""
    outcome = asyncio.run(_fetch(connector, external_id))
    if isinstance(outcome, FetchedRecord):
        return SourceCheck(external_id, find_unstorable(outcome), outcome.raw, outcome.bills)
    if isinstance(outcome, FailedFetch):
        return SourceCheck(external_id, f"{outcome.failure}: {outcome.message}")
    return SourceCheck(external_id, "the source says `not modified`, but was sent no etag")


async def _fetch(connector: BillingConnector, external_id: str) -> FetchOutcome:
    async def open_gate() -> None:
        """Let the request through: it is only one."""

    source = connector.open_source(open_gate)
    try:
        return await source.fetch_record(external_id, None)
    finally:
        await source.aclose()
