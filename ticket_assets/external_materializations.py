"""Materialisations for work done outside an asset's own run, by the worker or another job."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from ticketing.platform.db.audit_log import AuditEntry

if TYPE_CHECKING:
    from ticket_assets import metadata

# keys, because these assets come after payments in the graph
TICKETS, TICKET_PDFS, PAYMENTS, VOUCHERS = "tickets", "ticket_pdfs", "payments", "vouchers"
SETTLEMENT_OUTCOMES = ("applied", "unchanged", "quarantined", "postponed")  # of notifications


def ticket_materializations(
    event_slug: str, counts: Mapping[str, int], *, by: Collection[str]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the materialisations of an event's tickets and PDFs from its counts."""
    sums = Counter(counts)
    common: metadata.Metadata = {"failed": sums["failed"], "updated by": ", ".join(sorted(by))}
    yield dg.AssetMaterialization(
        TICKETS, partition=event_slug, metadata={"created": sums["created"], **common}
    )
    rendered = sums["created"] + sums["renewed"]
    yield dg.AssetMaterialization(
        TICKET_PDFS, partition=event_slug, metadata={"rendered": rendered, **common}
    )


def payment_materialization(
    counts: Mapping[str, int], *, by: Collection[str]
) -> dg.AssetMaterialization:
    """Return the materialisation of settled payment notifications."""
    sums = Counter(counts)
    values: metadata.Metadata = {outcome: sums[outcome] for outcome in SETTLEMENT_OUTCOMES}
    values["settled by"] = ", ".join(sorted(by))
    return dg.AssetMaterialization(PAYMENTS, metadata=values)


def voucher_materialization(entries: Collection[AuditEntry]) -> dg.AssetMaterialization:
    """Return the materialisation of provisioned and removed vouchers."""
    sums: Counter[str] = Counter()
    for entry in entries:
        sums.update(entry.counts)
    values: metadata.Metadata = {name: sums[name] for name in ("placed", "removed", "refused")}
    values["orders completed"] = sums["completed_orders"]
    values["provisioned by"] = ", ".join(sorted({entry.actor for entry in entries}))
    return dg.AssetMaterialization(VOUCHERS, metadata=values)
