"""Materialisations for work done outside an asset's own run, by the worker or another job."""

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
    """Yield the materialisations of an event's tickets and PDFs from its counts."""
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
    """Return the materialisation of settled payment notifications."""
    sums = Counter(counts)
    facts: metadata.Metadata = {end: sums[end] for end in SETTLEMENT_OUTCOMES}
    facts["settled by"] = ", ".join(sorted(by))
    return dg.AssetMaterialization(PAYMENTS, metadata=facts)


def voucher_materialization(entries: Collection[AuditEntry]) -> dg.AssetMaterialization:
    """Return the materialisation of provisioned and removed vouchers."""
    sums: Counter[str] = Counter()
    for deed in entries:
        sums.update(deed.counts)
    facts: metadata.Metadata = {what: sums[what] for what in ("placed", "removed", "refused")}
    facts["purchases made whole"] = sums["told"]
    facts["provisioned by"] = ", ".join(sorted({deed.actor for deed in entries}))
    return dg.AssetMaterialization(VOUCHERS, metadata=facts)
