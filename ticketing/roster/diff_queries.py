"""Compare the staged rows with the database: outcome of every row, totals, first changes.

A column that the file does not have keeps the stored value; an empty cell clears it. Names are
one unit: a file with full names only clears first and last names.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.kernel.errors import UnusableMapping
from ticketing.roster.model import ImportCounts, RosterChange, RosterField, RowOutcome, diff_fields
from ticketing.roster.staging_queries import StagingTables

OldNewPairs = dict[str, tuple[ColumnElement[str], ColumnElement[str]]]  # old and new


@dataclass(frozen=True, slots=True)
class TargetColumns:
    """The new value of each column, for the fields that the file has."""

    staging: StagingTables
    fields: Collection[RosterField]
    keeps_extra: bool = False

    def guest_values(self) -> dict[str, ColumnElement[Any]]:
        """Return the new values of guest columns."""
        row = self.staging.rows.c
        address_is_key = and_(row.email == "", guests.c.natural_key.startswith("email:"))
        possible = {
            RosterField.EXTERNAL_ID: func.coalesce(
                func.nullif(row.external_id, ""), guests.c.external_id
            ),
            RosterField.EMAIL: case((address_is_key, guests.c.email), else_=row.email),
            RosterField.PHONE: row.phone,
        }
        names = {name: row[name] for name in ("first_name", "last_name", "full_name")}
        contacts = {field.value: word for field, word in possible.items() if field in self.fields}
        extra = {"extra": guests.c.extra.concat(self.extra_value())} if self.keeps_extra else {}
        return {"natural_key": self._natural_key()} | names | contacts | extra

    def extra_value(self) -> ColumnElement[Any]:
        """Return the kept columns of a row; the file keeps those that it does not state."""
        stated = func.nullif(self.staging.rows.c.extra, "")
        return cast(func.coalesce(stated, "{}"), JSONB)

    def entitlement_values(self) -> dict[str, ColumnElement[str]]:
        """Return the new values of entitlement columns, except the ticket type."""
        row = self.staging.rows.c
        values: dict[str, ColumnElement[str]] = {"state": literal("entitled")}
        if RosterField.SEAT in self.fields:
            values["seat"] = row.seat
        if {RosterField.HOLD, RosterField.PAYMENT, RosterField.STATUS} & set(self.fields):
            values["hold_reason"] = func.nullif(row.hold_reason, "")
        return values

    def compared_values(self) -> OldNewPairs:
        """Return old and new value of each field that is reported as a change."""
        pairs: OldNewPairs = {
            name: (guests.c[name], new) for name, new in self.guest_values().items()
        }
        pairs |= {
            name: (entitlements.c[name], new) for name, new in self.entitlement_values().items()
        }
        if self.keeps_extra:
            before, after = pairs["extra"]
            pairs["extra"] = (cast(before, Text), cast(after, Text))
        if RosterField.TICKET_TYPE in self.fields:
            pairs["ticket_type"] = (ticket_types.c.name, self._ticket_type())
        return pairs

    def _natural_key(self) -> ColumnElement[str]:
        """Return the better key of both: an id, else an e-mail address, else a phone number."""
        row = self.staging.rows.c
        known_better = or_(
            and_(row.external_id == "", guests.c.external_id.isnot(None)),
            and_(row.natural_key.startswith("tel:"), guests.c.natural_key.startswith("email:")),
        )
        return case((known_better, guests.c.natural_key), else_=row.natural_key)

    def _ticket_type(self) -> ColumnElement[str]:
        """Return the stored spelling of a ticket type: "VIP" and "vip" are the same."""
        row = self.staging.rows.c
        same = func.lower(ticket_types.c.name) == func.lower(row.ticket_type)
        return case((same, ticket_types.c.name), else_=row.ticket_type)


def is_different(pairs: OldNewPairs) -> ColumnElement[bool]:
    """Return the condition that any old value differs from the new one."""
    return or_(*(old.is_distinct_from(new) for old, new in pairs.values()))


MAX_NEW_TICKET_TYPES = 100  # more means that the column does not contain ticket types


class LineRange(NamedTuple):
    """First and last line of a range, and whether it contains known guests."""

    first: int
    last: int
    has_known_people: bool


def plan_changes(connection: Connection, target: TargetColumns) -> ImportCounts:
    """Fill the staging table `plan` with every row that changes something; return the counts."""
    staging = target.staging
    absent = entitlements.c.id.is_(None)
    source = (
        select(
            staging.rows.c.line,
            staging.matches.c.guest_id,
            case((absent, RowOutcome.INSERTED.value), else_=RowOutcome.UPDATED.value),
        )
        .select_from(_rows_with_known_people(staging))
        .where(
            staging.matches.c.reason.is_(None),
            staging.matches.c.repeats.is_(None),
            or_(absent, is_different(target.compared_values())),
        )
    )
    columns = ["line", "guest_id", "verdict"]
    connection.execute(insert(staging.plan).from_select(columns, source))
    staging.analyze(connection, staging.plan)
    return _count_outcomes(connection, staging)


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


def _count_outcomes(connection: Connection, staging: StagingTables) -> ImportCounts:
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


def count_changed_fields(connection: Connection, target: TargetColumns) -> dict[str, int]:
    """Return the number of changed guests per field; new guests are not counted."""
    pairs = target.compared_values()
    counted = (func.count().filter(old.is_distinct_from(new)) for old, new in pairs.values())
    row = connection.execute(_updated_rows(target).with_only_columns(*counted)).one()
    return {field: count for field, count in zip(pairs, row, strict=True) if count}


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
            {name: row[f"old_{name}"] for name in pairs},
            {name: row[f"new_{name}"] for name in pairs},
        )
    ]


def _updated_rows(target: TargetColumns) -> Select[tuple[int]]:
    staging = target.staging
    known = _rows_with_known_people(staging).join(
        staging.plan, staging.plan.c.line == staging.rows.c.line
    )
    return (
        select(staging.rows.c.line)
        .select_from(known)
        .where(staging.plan.c.verdict == RowOutcome.UPDATED.value)
    )


def insert_missing_ticket_types(connection: Connection, target: TargetColumns) -> None:
    """Create the ticket types that the file names and the event does not have."""
    staging, name = target.staging, target.staging.rows.c.ticket_type
    # grouped before the comparison: a million values are few types
    named = (
        select(name, func.min(staging.rows.c.line).label("line"))
        .join(staging.plan, staging.plan.c.line == staging.rows.c.line)
        # without a ticket type column, only new guests get the default type
        .where(
            or_(
                staging.plan.c.verdict == RowOutcome.INSERTED.value,
                literal(RosterField.TICKET_TYPE in target.fields),
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
    numbered = select(
        staging.plan.c.line, staging.plan.c.guest_id, (place // size).label("chunk")
    ).subquery()
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
