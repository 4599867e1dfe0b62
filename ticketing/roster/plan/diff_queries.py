"""Compare the staged rows with the database: outcome of every row, totals, first changes."""

from typing import NamedTuple

from sqlalchemy import (
    Connection,
    FromClause,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.kernel.errors import UnusableMapping
from ticketing.roster.cells.extra_columns import split_extra
from ticketing.roster.model import (
    ImportCounts,
    RosterChange,
    RosterField,
    RowOutcome,
    diff_fields,
)
from ticketing.roster.plan.staging_queries import StagingTables
from ticketing.roster.plan.target_column_queries import (
    TargetColumns,
    is_different,
    stated_ticket_type,
)

MAX_NEW_TICKET_TYPES = 100  # more means that the column does not contain ticket types


class LineRange(NamedTuple):
    """First and last line of a range, and whether it contains known guests."""

    first: int
    last: int
    has_known_people: bool


def plan_changes(connection: Connection, target: TargetColumns) -> None:
    """Fill the staging table `plan` with every row that changes something.

    An unchanged row is planned too if it has an empty cell where a value is stored.
    """
    staging = target.staging
    absent = entitlements.c.id.is_(None)
    changed, emptied = is_different(target.compared_values()), target.emptied_values().values()
    verdict = case(
        (absent, RowOutcome.INSERTED.value),
        (changed, RowOutcome.UPDATED.value),
        else_=RowOutcome.UNCHANGED.value,
    )
    source = (
        select(staging.rows.c.line, staging.matches.c.guest_id, verdict)
        .select_from(_rows_with_known_people(staging))
        .where(
            staging.matches.c.reason.is_(None),
            staging.matches.c.repeats.is_(None),
            or_(absent, changed, *emptied),
        )
    )
    columns = ["line", "guest_id", "verdict"]
    connection.execute(insert(staging.plan).from_select(columns, source))
    staging.analyze(connection, staging.plan)


def _rows_with_known_people(staging: StagingTables) -> FromClause:
    """Return the clean rows joined with the stored guest and entitlement."""
    rows, matches = staging.rows, staging.matches
    known = and_(guests.c.id == matches.c.guest_id, guests.c.event_id == staging.event_id)
    of_roster = and_(
        entitlements.c.guest_id == guests.c.id,
        entitlements.c.event_id == staging.event_id,
        entitlements.c.source == "roster",
    )
    return (
        rows.join(matches, matches.c.line == rows.c.line)
        .outerjoin(guests, known)
        .outerjoin(entitlements, of_roster)
        .outerjoin(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
    )


def count_outcomes(connection: Connection, staging: StagingTables) -> ImportCounts:
    """Return the number of planned rows by outcome."""
    rows, matches, planned = staging.rows, staging.matches, staging.plan
    unclean = select(func.count()).where(rows.c.reason.isnot(None)).scalar_subquery()
    refused = func.count().filter(matches.c.reason.isnot(None))
    total, aside, inserted, updated = connection.execute(
        select(
            select(func.count()).select_from(rows).scalar_subquery(),
            unclean + select(refused).select_from(matches).scalar_subquery(),
            *(
                select(func.count()).where(planned.c.verdict == verdict.value).scalar_subquery()
                for verdict in (RowOutcome.INSERTED, RowOutcome.UPDATED)
            ),
        )
    ).one()
    return ImportCounts(inserted, updated, total - aside - inserted - updated, aside)


class FieldCounts(NamedTuple):
    """Numbers of known guests by field: changed, and with an empty cell where a value is stored."""

    changed: dict[str, int]
    emptied: dict[str, int]


def count_fields(
    connection: Connection, target: TargetColumns, outcome: RowOutcome = RowOutcome.UPDATED
) -> FieldCounts:
    """Return the counts by field, of changes in rows of this outcome; new guests do not count."""
    pairs, emptied = target.compared_values(), target.emptied_values()
    verdict = target.staging.plan.c.verdict
    updated = verdict == outcome.value
    conditions = [and_(updated, old.is_distinct_from(new)) for old, new in pairs.values()]
    conditions += emptied.values()
    counted = (func.count().filter(condition) for condition in conditions)
    known = planned_rows(target.staging).where(verdict != RowOutcome.INSERTED.value)
    counts = connection.execute(known.with_only_columns(*counted)).one()
    return FieldCounts(
        {name: count for name, count in zip(pairs, counts, strict=False) if count},
        {name: count for name, count in zip(emptied, counts[len(pairs) :], strict=True) if count},
    )


def list_first_changes(
    connection: Connection, target: TargetColumns, limit: int
) -> list[RosterChange]:
    """Return the changes of the first guests of the file, field by field."""
    pairs = target.compared_values()
    rows = target.staging.rows
    old = [func.coalesce(before, "").label(f"old_{name}") for name, (before, _) in pairs.items()]
    new = [func.coalesce(after, "").label(f"new_{name}") for name, (_, after) in pairs.items()]
    found = connection.execute(
        _updated_rows(target)
        .with_only_columns(rows.c.line, guests.c.natural_key.label("person"), *old, *new)
        .order_by(rows.c.line)
        .limit(limit)
    ).mappings()
    return [
        change
        for row in found
        for change in diff_fields(
            row["line"],
            row["person"],
            split_extra({name: row[f"old_{name}"] for name in pairs}),
            split_extra({name: row[f"new_{name}"] for name in pairs}),
        )
    ]


def _updated_rows(target: TargetColumns) -> Select[tuple[int]]:
    return planned_rows(target.staging).where(
        target.staging.plan.c.verdict == RowOutcome.UPDATED.value
    )


def planned_rows(staging: StagingTables) -> Select[tuple[int]]:
    """Select the lines of the plan, joined with the stored guest and entitlement."""
    known = _rows_with_known_people(staging).join(
        staging.plan, staging.plan.c.line == staging.rows.c.line
    )
    return select(staging.rows.c.line).select_from(known)


def insert_missing_ticket_types(connection: Connection, target: TargetColumns) -> None:
    """Create the ticket types that the file names and the event does not have."""
    staging, name = target.staging, stated_ticket_type(target.staging).label("ticket_type")
    verdict, has_column = staging.plan.c.verdict, RosterField.TICKET_TYPE in target.fields
    is_stated = or_(literal(target.clear_empty), staging.rows.c.ticket_type != "")
    # grouped before the comparison: a million values are few types
    named = (
        select(name, func.min(staging.rows.c.line).label("line"))
        .join(staging.plan, staging.plan.c.line == staging.rows.c.line)
        # without a stated ticket type, only new guests get the default type
        .where(
            or_(
                verdict == RowOutcome.INSERTED.value,
                and_(literal(has_column), verdict == RowOutcome.UPDATED.value, is_stated),
            )
        )
        .group_by(name)
        .subquery("named")
    )
    known = select(ticket_types.c.id).where(
        ticket_types.c.event_id == staging.event_id,
        func.lower(ticket_types.c.name) == func.lower(named.c.ticket_type),
    )
    new = (
        select(named.c.ticket_type)
        .ext(distinct_on(func.lower(named.c.ticket_type)))
        .where(~known.exists())
        .order_by(func.lower(named.c.ticket_type), named.c.line)
    )
    names = connection.execute(new.limit(MAX_NEW_TICKET_TYPES + 1)).scalars().all()
    if len(names) > MAX_NEW_TICKET_TYPES:
        raise UnusableMapping(
            f"the column of ticket types has more than {MAX_NEW_TICKET_TYPES} different values "
            f"({names[0]!r}, {names[1]!r}, …); map another column"
        )
    if names:
        values = [{"event_id": staging.event_id, "name": name} for name in names]
        connection.execute(insert(ticket_types), values)


def list_chunk_ranges(connection: Connection, staging: StagingTables, size: int) -> list[LineRange]:
    """Return ranges of lines with `size` changes each."""
    place = func.row_number().over(order_by=staging.plan.c.line) - 1
    lines = select(staging.plan.c.line, staging.plan.c.guest_id, (place // size).label("chunk"))
    numbered = lines.where(staging.plan.c.verdict != RowOutcome.UNCHANGED.value).subquery()
    ranges = (
        select(
            func.min(numbered.c.line),
            func.max(numbered.c.line),
            func.count(numbered.c.guest_id),
        )
        .group_by(numbered.c.chunk)
        .order_by(numbered.c.chunk)
    )
    return [LineRange(first, last, known > 0) for first, last, known in connection.execute(ranges)]
