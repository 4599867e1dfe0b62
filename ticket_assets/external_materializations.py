"""Materialisations for work done outside an asset's own run, by the worker or another job."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import dagster as dg

from ticketing.platform.db.audit_log import (
    PROVISION_VOUCHERS_ACTION,
    SETTLE_PAYMENTS_ACTION,
    AuditEntry,
)

SETTLEMENT_OUTCOMES = ("applied", "unchanged", "quarantined", "postponed")  # of notifications


def to_materializations(entries: Iterable[AuditEntry]) -> Iterator[dg.AssetMaterialization]:
    """Yield the assets that audit entries changed, by event, with the sums of their counts.

    Assets are named by key, because they come after payments in the graph.
    """
    sums: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    actors: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for entry in entries:
        sums[entry.action, entry.event_slug].update(entry.counts)
        actors[entry.action, entry.event_slug].add(entry.actor)
    for (action, slug), counts in sums.items():
        by = ", ".join(sorted(actors[action, slug]))
        if action == SETTLE_PAYMENTS_ACTION:
            outcomes = {outcome: counts[outcome] for outcome in SETTLEMENT_OUTCOMES}
            yield dg.AssetMaterialization("payments", metadata={**outcomes, "settled by": by})
        elif action == PROVISION_VOUCHERS_ACTION:
            done = {name: counts[name] for name in ("placed", "removed", "refused")}
            done["orders completed"] = counts["completed_orders"]
            yield dg.AssetMaterialization("vouchers", metadata={**done, "provisioned by": by})
        elif slug is not None:
            yield from ticket_materializations(slug, counts, by=by)


def ticket_materializations(
    event_slug: str, counts: Mapping[str, int], *, by: str
) -> Iterator[dg.AssetMaterialization]:
    """Yield the materialisations of an event's tickets and PDFs from its counts."""
    sums = Counter(counts)
    figures = {"tickets": ("created", sums["created"])}
    figures["ticket_pdfs"] = ("rendered", sums["created"] + sums["renewed"])
    for asset, (name, number) in figures.items():
        yield dg.AssetMaterialization(
            asset,
            partition=event_slug,
            metadata={name: number, "failed": sums["failed"], "updated by": by},
        )
