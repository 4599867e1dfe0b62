"""Measure what a planned import means for people and tickets."""

from collections.abc import Mapping

from sqlalchemy import Connection

from ticketing.roster.model import ImportCounts
from ticketing.roster.plan import duplicate_queries, holder_queries
from ticketing.roster.plan.import_impact import (
    EmptiedFields,
    ImportImpact,
    SharedContacts,
    TouchedTickets,
)
from ticketing.roster.plan.target_column_queries import TargetColumns
from ticketing.roster.plan.write_queries import WithdrawalCount

MAX_SHARED_CONTACTS = 20  # listed in a result


def measure_impact(
    connection: Connection,
    target: TargetColumns,
    counts: ImportCounts,
    withdrawal: WithdrawalCount,
    *,
    emptied: Mapping[str, int],
    kept_holders: int,
) -> ImportImpact:
    """Return the impact of the plan; possible duplicates are marked in staging."""
    staging = target.staging
    if counts.inserted:
        duplicate_queries.find_shared_contacts(connection, staging)
    duplicates, known_contacts = (
        duplicate_queries.read_shared_contacts(
            connection, staging, duplicates=same_name, limit=MAX_SHARED_CONTACTS
        )
        if counts.inserted
        else SharedContacts()
        for same_name in (True, False)
    )
    return ImportImpact(
        changed=holder_queries.count_touched_tickets(connection, staging)
        if counts.updated
        else TouchedTickets(),
        withdrawn=withdrawal.tickets,
        kept_holders=kept_holders,
        emptied=EmptiedFields(
            emptied,
            holder_queries.count_emptied_tickets(connection, target) if emptied else 0,
            target.clear_empty,
        ),
        duplicates=duplicates,
        known_contacts=known_contacts,
        undecided=duplicate_queries.count_undecided(connection, staging.event_id),
    )
