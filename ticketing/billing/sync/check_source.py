"""Ask a source for one student and show what came, without storing anything."""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal

from ticketing.billing.sources.contract import Bill, FailedFetch, FetchedRecord, FetchOutcome
from ticketing.billing.sources.database.view_source import SqlSource
from ticketing.billing.sources.http.source import HttpSource
from ticketing.billing.sources.inspect_document import inspect_document
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.records.record_change import find_unstorable


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """The answer of the source; `problem` is empty if a sync would store it."""

    external_id: str
    problem: str
    raw: str = ""
    bills: tuple[Bill, ...] = ()
    unmapped: tuple[str, ...] = ()  # fields that no line of the mapping file reads
    unknown_words: tuple[str, ...] = ()  # of the status
    contradictions: tuple[str, ...] = ()  # of the record with itself

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
        checked = SourceCheck(external_id, find_unstorable(outcome), outcome.raw, outcome.bills)
        return _add_findings(connector, checked)
    if isinstance(outcome, FailedFetch):
        return SourceCheck(external_id, f"{outcome.failure}: {outcome.message}")
    return SourceCheck(external_id, "the source says `not modified`, but was sent no etag")


def _add_findings(connector: BillingConnector, checked: SourceCheck) -> SourceCheck:
    """Add what the mapping file leaves out, if the source has one."""
    source = connector.open_source(_open_gate)  # it connects with its first request
    if not isinstance(source, HttpSource | SqlSource):
        return checked
    found = inspect_document(source.mapping, checked.external_id, checked.raw)
    return replace(
        checked, unmapped=found.unmapped, unknown_words=found.unknown_words,
        contradictions=found.contradictions,
    )  # fmt: skip


async def _open_gate() -> None:
    """Let the request through: it is only one."""


async def _fetch(connector: BillingConnector, external_id: str) -> FetchOutcome:
    source = connector.open_source(_open_gate)
    try:
        return await source.fetch_record(external_id, None)
    finally:
        await source.aclose()
