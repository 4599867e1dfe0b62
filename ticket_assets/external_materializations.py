"""Materialisations for work outside an asset's own run: worker, command line, API, another job."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import AuditEntry

SETTLEMENT_OUTCOMES = ("applied", "unchanged", "quarantined", "postponed")  # of notifications
ACTOR_LABEL = "updated by"


@dataclass(frozen=True, slots=True)
class Change:
    """What an action of the audit log did to an asset: its count by name of the metadata."""

    asset: str
    figures: Mapping[str, str]
    actor_label: str = ACTOR_LABEL


_ALL_GUESTS = Change("entitlements", {"guests changed": "items"})
# assets are named by key, because they come after payments in the graph
CHANGES: Mapping[str, Change] = {
    audit_log.SETTLE_PAYMENTS_ACTION: Change(
        "payments", {outcome: outcome for outcome in SETTLEMENT_OUTCOMES}, "settled by"
    ),
    audit_log.RECONCILE_PAYMENTS_ACTION: Change(
        "payments", {"corrected": "corrected", "agreed": "agreed", "differing": "odd"}
    ),
    audit_log.IMPORT_ROSTER_ACTION: Change(
        "entitlements",
        {"rows": "items", "inserted": "inserted", "updated": "updated", "unchanged": "unchanged",
         "rejected": "quarantined", "withdrawn": "withdrawn"},
    ),
    audit_log.UPDATE_GUEST_ACTION: _ALL_GUESTS,
    audit_log.CONFIRM_GUEST_ACTION: _ALL_GUESTS,
    audit_log.MERGE_GUESTS_ACTION: _ALL_GUESTS,
    audit_log.REISSUE_TICKETS_ACTION: Change("tickets", {"reissued": "items"}),
    audit_log.REVOKE_TICKETS_ACTION: Change("tickets", {"revoked": "items"}),
    audit_log.CANCEL_EVENT_ACTION: Change("tickets", {"revoked": "tickets"}),
    audit_log.REMOVE_DOCUMENTS_ACTION: Change("ticket_pdfs", {"deleted": "items"}),
}  # fmt: skip
VOUCHER_CHANGES: Mapping[str, Change] = {
    audit_log.PROVISION_VOUCHERS_ACTION: Change(
        "vouchers",
        {"placed": "placed", "removed": "removed", "refused": "refused",
         "orders completed": "completed_orders"},
        "provisioned by",
    ),
}  # fmt: skip
TICKET_ACTIONS = (*CHANGES, audit_log.GENERATE_TICKETS_ACTION)
VOUCHER_ACTIONS = tuple(VOUCHER_CHANGES)


def to_materializations(entries: Iterable[AuditEntry]) -> Iterator[dg.AssetMaterialization]:
    """Yield the assets that audit entries changed, by event, with the sums of their counts."""
    sums: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    actors: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for entry in entries:
        sums[entry.action, entry.event_slug].update(entry.counts)
        actors[entry.action, entry.event_slug].add(entry.actor)
    for (action, slug), counts in sums.items():
        by = ", ".join(sorted(actors[action, slug]))
        change = CHANGES.get(action) or VOUCHER_CHANGES.get(action)
        if action in VOUCHER_CHANGES and slug is None:
            continue  # recorded before vouchers were partitioned
        if change is not None:
            figures = {name: counts[count] for name, count in change.figures.items()}
            yield dg.AssetMaterialization(
                change.asset, partition=slug, metadata={**figures, change.actor_label: by}
            )
        elif slug is not None:
            yield from ticket_materializations(slug, counts, by=by)


def with_first(
    reported: Iterable[dg.AssetMaterialization],
    asset: str,
    partitions: Iterable[str | None] = (None,),
) -> list[dg.AssetMaterialization]:
    """Return the first report about an asset, with a materialisation even if nothing was done yet.

    Without one, Dagster's page warns before the first run of each asset after it.
    """
    events = list(reported)
    known = {event.partition for event in events if event.asset_key == dg.AssetKey(asset)}
    description = "Nothing was done yet by worker, command line or API."
    first = [
        dg.AssetMaterialization(asset, partition=each, description=description)
        for each in partitions
        if each not in known
    ]
    return first + events


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
            metadata={name: number, "failed": sums["failed"], ACTOR_LABEL: by},
        )
