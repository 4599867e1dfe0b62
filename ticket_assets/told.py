"""Materializations of what was made outside of an asset's own run: by the worker, by a round."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from ticket_assets import exhibits

# by their names: the assets themselves come after payments in the graph
TICKETS, TICKET_PDFS, PAYMENTS = "tickets", "ticket_pdfs", "payments"
ENDS = ("applied", "unchanged", "quarantined", "postponed")  # of notices


def tickets_told(
    event_slug: str, counts: Mapping[str, int], *, by: Collection[str]
) -> Iterator[dg.AssetMaterialization]:
    """An event's new tickets and PDFs: `created`, `renewed` and `failed` of them."""
    sums = Counter(counts)
    facts: exhibits.Metadata = {"failed": sums["failed"], "made by": ", ".join(sorted(by))}
    yield dg.AssetMaterialization(
        TICKETS, partition=event_slug, metadata={"created": sums["created"], **facts}
    )
    printed = sums["created"] + sums["renewed"]
    yield dg.AssetMaterialization(
        TICKET_PDFS, partition=event_slug, metadata={"printed": printed, **facts}
    )


def payments_told(counts: Mapping[str, int], *, by: Collection[str]) -> dg.AssetMaterialization:
    """How notices ended."""
    sums = Counter(counts)
    facts: exhibits.Metadata = {end: sums[end] for end in ENDS}
    facts["settled by"] = ", ".join(sorted(by))
    return dg.AssetMaterialization(PAYMENTS, metadata=facts)
