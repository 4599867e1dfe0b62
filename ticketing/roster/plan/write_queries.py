"""Write a planned import in chunks, and withdraw the entitlements of absent guests.

Tickets of withdrawn guests stay valid: revoking them is a separate decision.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    exists,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import ImportOvertaken, UnsafeWithdrawal
from ticketing.roster.model import ImportCounts, RosterField, RowOutcome
from ticketing.roster.plan.diff_queries import LineRange
from ticketing.roster.plan.hold_reason_queries import duplicate_reason, join_reasons
from ticketing.roster.plan.holder_queries import (
    is_delivered,
    is_used,
    record_name_changes,
    refuse_late_holder_changes,
)
from ticketing.roster.plan.import_impact import TouchedTickets
from ticketing.roster.plan.staging_queries import StagingTables, use_bulk_query_settings
from ticketing.roster.plan.target_column_queries import (
    TargetColumns,
    is_different,
    stated_ticket_type,
)


@dataclass(frozen=True, slots=True)
class WithdrawalCount:
    """The number of absent guests, and their live tickets."""

    people: int = 0
    tickets: TouchedTickets = field(default_factory=TouchedTickets)


def plan_withdrawal(connection: Connection, staging: StagingTables) -> WithdrawalCount:
    """Count absent guests; refuses if a rejected row could be one of them."""
    unidentified = _unidentified_lines(connection, staging)
    if unidentified:
        raise UnsafeWithdrawal(
            f"lines {', '.join(map(str, unidentified))} are rejected and could be people who "
            "would count as absent; correct them, or import without --withdraw-absent"
        )
    tickets = generated_tickets.c
    live = and_(tickets.entitlement_id == entitlements.c.id, tickets.state == "live")
    counts = connection.execute(
        select(
            func.count(),
            func.count(tickets.id),
            func.count().filter(is_delivered()),
            func.count(tickets.id).filter(is_used()),
        )
        .select_from(entitlements.outerjoin(generated_tickets, live))
        .where(_is_absent(staging))
    ).one()
    return WithdrawalCount(counts[0], TouchedTickets(*counts[1:]))


def withdraw_absent(connection: Connection, staging: StagingTables, *, at: datetime) -> int:
    """Withdraw the entitlements of absent guests; call it before new guests are written."""
    use_bulk_query_settings(connection)
    return connection.execute(
        update(entitlements).where(_is_absent(staging)).values(state="withdrawn", updated_at=at)
    ).rowcount


def _unidentified_lines(connection: Connection, staging: StagingTables) -> list[int]:
    """Return the first few rejected rows that identify nobody."""
    rows, matches = staging.rows, staging.matches
    unclean = select(rows.c.line).where(rows.c.reason.isnot(None), rows.c.natural_key == "")
    refused = select(matches.c.line).where(
        matches.c.reason.isnot(None),
        matches.c.guest_id.is_(None),
        matches.c.repeats.is_(None),
    )
    both = union_all(unclean, refused).subquery()
    return list(connection.execute(select(both.c.line).order_by(both.c.line).limit(5)).scalars())


def _is_absent(staging: StagingTables) -> ColumnElement[bool]:
    """Return the condition: entitled by the roster, neither matched nor named by a rejected row."""
    rows, matches = staging.rows, staging.matches
    named = and_(
        guests.c.id == entitlements.c.guest_id,
        guests.c.natural_key == rows.c.natural_key,
        rows.c.reason.isnot(None),
    )
    return and_(
        entitlements.c.event_id == staging.event_id,
        entitlements.c.source == "roster",
        entitlements.c.state == "entitled",
        ~exists().where(matches.c.guest_id == entitlements.c.guest_id),
        ~exists().where(named),
    )


@dataclass(frozen=True, slots=True)
class ChunkWriter:
    """A range of lines of a planned import, written in one transaction.

    `renamed_by` is empty if the plan changes no name. With `keeps_holders`, a row that would change
    the name on a ticket issued after the plan was made is refused.
    """

    target: TargetColumns
    import_id: int
    lines: LineRange
    renamed_by: str = ""
    keeps_holders: bool = True

    def write(self, connection: Connection, *, at: datetime) -> ImportCounts:
        """Write the changes of these lines; return the created, changed and refused guests."""
        # The last commit of the import waits for the disk, and so for all earlier commits.
        connection.execute(select(func.set_config("synchronous_commit", "off", True)))
        try:
            written = ImportCounts()
            if self.lines.has_known_people:
                written = self._update(connection, at)
            return written.plus(ImportCounts(inserted=self._insert(connection)))
        except IntegrityError as error:
            raise ImportOvertaken(
                "the same people were added by another process meanwhile; run the import again"
            ) from error

    def _insert(self, connection: Connection) -> int:
        """Insert new guests, and entitlements for guests without one from the roster."""
        # the planner cannot estimate the rows of WITH … RETURNING
        use_bulk_query_settings(connection)
        rows, planned = self.target.staging.rows, self.target.staging.plan
        contacts = self.target.staging.contacts
        named = ("natural_key", "first_name", "last_name", "full_name", "email", "phone")
        attributes = self.target.attribute_values()
        new = (
            self._planned_rows(RowOutcome.INSERTED)
            .where(planned.c.guest_id.is_(None))
            .with_only_columns(
                literal(self.target.staging.event_id),
                func.nullif(rows.c.external_id, ""),
                *(rows.c[name] for name in named),
                *attributes.values(),
            )
            .order_by(rows.c.line)
        )
        fresh = (
            insert(guests)
            .from_select(["event_id", "external_id", *named, *attributes], new)
            .returning(guests.c.id, guests.c.natural_key)
            .cte("fresh")
        )
        types = self._ticket_types_by_name()
        entitled = (
            self._planned_rows(RowOutcome.INSERTED)
            .join(types, types.c.alike == func.lower(stated_ticket_type(self.target.staging)))
            .outerjoin(contacts, and_(contacts.c.line == rows.c.line, contacts.c.is_duplicate == 1))
            .outerjoin(fresh, fresh.c.natural_key == rows.c.natural_key)
            .with_only_columns(
                literal(self.target.staging.event_id),
                func.coalesce(planned.c.guest_id, fresh.c.id),
                types.c.id,
                rows.c.seat,
                join_reasons(
                    duplicate_reason(contacts.c.other), func.nullif(rows.c.hold_reason, "")
                ),
                contacts.c.other,
                literal(self.import_id),
                rows.c.line,
            )
            .order_by(rows.c.line)  # tickets are issued in the order of the entitlements
        )
        columns = ["event_id", "guest_id", "ticket_type_id", "seat", "hold_reason", "duplicate_of"]
        return (
            connection.execution_options(preserve_rowcount=True)
            .execute(
                insert(entitlements)
                .from_select([*columns, "import_id", "import_line"], entitled)
                .add_cte(fresh)
            )
            .rowcount
        )

    def _update(self, connection: Connection, at: datetime) -> ImportCounts:
        written = self._update_places(connection, at)
        if self.renamed_by:
            record_name_changes(connection, self.target, self.lines, by=self.renamed_by, at=at)
        self._update_guests(connection, at)
        return written

    def _update_places(self, connection: Connection, at: datetime) -> ImportCounts:
        """Update the entitlements, which locks them against issuing, and refuse late renames."""
        refused = 0
        while True:
            with connection.begin_nested() as attempt:
                updated = self._update_entitlements(connection, at)
                if not self._refuse_late_renames(connection):
                    return ImportCounts(updated=updated, quarantined=refused)
                attempt.rollback()
            refused += self._refuse_late_renames(connection)

    def _refuse_late_renames(self, connection: Connection) -> int:
        if not self.renamed_by or not self.keeps_holders:
            return 0
        return refuse_late_holder_changes(connection, self.target.staging, self.lines)

    def _update_guests(self, connection: Connection, at: datetime) -> None:
        values = self.target.guest_values()
        planned = self.target.staging.plan
        changed = is_different({name: (guests.c[name], new) for name, new in values.items()})
        connection.execute(
            update(guests)
            .values(**values, updated_at=at)
            .where(guests.c.id == planned.c.guest_id, *self._in_line_range(), changed)
            .where(planned.c.verdict != RowOutcome.QUARANTINED.value)
        )

    def _update_entitlements(self, connection: Connection, at: datetime) -> int:
        rows, planned = self.target.staging.rows, self.target.staging.plan
        types = self._ticket_types_by_name()
        changing = (
            update(entitlements)
            .values(**self.target.entitlement_values(), import_id=self.import_id)
            .values(import_line=rows.c.line, updated_at=at)
            .where(
                entitlements.c.guest_id == planned.c.guest_id,
                entitlements.c.source == "roster",
                planned.c.verdict == RowOutcome.UPDATED.value,
                *self._in_line_range(),
            )
        )
        if RosterField.TICKET_TYPE in self.target.fields:
            changing = changing.values(ticket_type_id=types.c.id).where(
                ticket_types.c.id == entitlements.c.ticket_type_id,
                types.c.alike == func.lower(self.target.ticket_type()),
            )
        return connection.execute(changing).rowcount

    def _planned_rows(self, verdict: RowOutcome) -> Select[tuple[int]]:
        rows, planned = self.target.staging.rows, self.target.staging.plan
        return (
            select(rows.c.line)
            .join(planned, planned.c.line == rows.c.line)
            .where(planned.c.verdict == verdict.value, *self._in_line_range())
        )

    def _in_line_range(self) -> tuple[ColumnElement[bool], ...]:
        rows, planned = self.target.staging.rows, self.target.staging.plan
        return (
            rows.c.line == planned.c.line,
            rows.c.line.between(self.lines.first, self.lines.last),
            planned.c.line.between(self.lines.first, self.lines.last),
        )

    def _ticket_types_by_name(self) -> Subquery:
        alike = func.lower(ticket_types.c.name)
        return (
            select(func.min(ticket_types.c.id).label("id"), alike.label("alike"))
            .where(ticket_types.c.event_id == self.target.staging.event_id)
            .group_by(alike)
            .subquery("types")
        )
