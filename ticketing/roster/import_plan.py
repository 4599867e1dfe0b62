"""The changes that an import will make, and rows that are refused while they are written.

A guest may get a ticket after the plan was made. Its name is not changed then either.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from ticketing.roster import import_queries
from ticketing.roster.model import ImportCounts, RejectedRow, RosterChange, RowOutcome
from ticketing.roster.plan import diff_queries, holder_queries
from ticketing.roster.plan.diff_queries import LineRange
from ticketing.roster.plan.import_impact import ImportImpact
from ticketing.roster.plan.target_column_queries import TargetColumns
from ticketing.roster.plan.write_queries import ChunkWriter, WithdrawalCount


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The changes that an import will make. Lists contain the first few items only."""

    target: TargetColumns
    counts: ImportCounts
    withdrawal: WithdrawalCount
    changed_fields: dict[str, int]
    changes: list[RosterChange]
    quarantine: list[RejectedRow]
    chunks: list[LineRange]
    impact: ImportImpact


def store_late_refusals(
    connection: Connection, chunk: ChunkWriter, written: ImportCounts
) -> ImportCounts:
    """Store the rows that were refused in writing a chunk; return what the chunk adds."""
    stored = import_queries.insert_rejected_rows(connection, chunk.target.staging, chunk.import_id)
    # identical rows were counted as unchanged, and are rejected with the first one
    unchanged = written.quarantined - stored
    return replace(written, unchanged=unchanged, quarantined=stored)


def without_late_refusals(
    connection: Connection, plan: ImportPlan, counts: ImportCounts, *, rejected: list[RejectedRow]
) -> ImportPlan:
    """Return the plan as it was carried out, with these counts and rejected rows."""
    refused = holder_queries.list_late_refusals(connection, plan.target.staging)
    kept = diff_queries.count_fields(connection, plan.target, RowOutcome.QUARANTINED).changed
    changed = {name: count - kept.get(name, 0) for name, count in plan.changed_fields.items()}
    return replace(
        plan,
        counts=counts,
        changed_fields={name: count for name, count in changed.items() if count},
        changes=[change for change in plan.changes if change.line not in refused],
        quarantine=rejected,
        impact=replace(plan.impact, kept_holders=plan.impact.kept_holders + len(refused)),
    )
