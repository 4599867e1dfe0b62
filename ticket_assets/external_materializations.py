"""Materializations of what was made outside of an asset's own run: by the worker, by a round."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from ticketing.platform.db.audit_log import AuditEntry

if TYPE_CHECKING:
    from ticket_assets import metadata

# by their names: the assets themselves come after payments in the graph
TICKETS, TICKET_PDFS, PAYMENTS, VOUCHERS = "tickets", "ticket_pdfs", "payments", "vouchers"
SETTLEMENT_OUTCOMES = ("applied", "unchanged", "quarantined", "postponed")  # of notices


def ticket_materializations(
    event_slug: str, counts: Mapping[str, int], *, by: Collection[str]
) -> Iterator[dg.AssetMaterialization]:
    """An event's new tickets and PDFs: `created`, `renewed` and `failed` of them."""
    sums = Counter(counts)
    facts: metadata.Metadata = {"failed": sums["failed"], "made by": ", ".join(sorted(by))}
    yield dg.AssetMaterialization(
        TICKETS, partition=event_slug, metadata={"created": sums["created"], **facts}
    )
    printed = sums["created"] + sums["renewed"]
    yield dg.AssetMaterialization(
        TICKET_PDFS, partition=event_slug, metadata={"printed": printed, **facts}
    )


def payment_materialization(
    counts: Mapping[str, int], *, by: Collection[str]
) -> dg.AssetMaterialization:
    """How notices ended."""
    sums = Counter(counts)
    facts: metadata.Metadata = {end: sums[end] for end in SETTLEMENT_OUTCOMES}
    facts["settled by"] = ", ".join(sorted(by))
    return dg.AssetMaterialization(PAYMENTS, metadata=facts)


def voucher_materialization(entries: Collection[AuditEntry]) -> dg.AssetMaterialization:
    """What came to be on routers, and off them."""
    sums: Counter[str] = Counter()
    for deed in entries:
        sums.update(deed.counts)
    facts: metadata.Metadata = {what: sums[what] for what in ("placed", "removed", "refused")}
    facts["purchases made whole"] = sums["told"]
    facts["provisioned by"] = ", ".join(sorted({deed.actor for deed in entries}))
    return dg.AssetMaterialization(VOUCHERS, metadata=facts)
