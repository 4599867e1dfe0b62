"""Statements that erase the rows of a person, and record that it happened."""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from ticketing.notifications import claim_queries
from ticketing.people_data.field_class import PERSONAL, FieldClass
from ticketing.people_data.field_queries import merged_values
from ticketing.people_data.person import Person
from ticketing.people_data.records_queries import RecordSet
from ticketing.platform.db.tables.notifications import deliveries, opt_outs
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.people import erasures
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.waiting_list import waiting_list_entries
from ticketing.roster.guests.guest_queries import rename_duplicates

_CLASSES = (*PERSONAL, FieldClass.REJECTED_ROWS)


def freeze(connection: Connection, records: RecordSet) -> RecordSet:
    """Return the same rows by their keys: erasing their columns does not lose them."""
    key = records.table.primary_key
    rows = connection.execute(select(*key).where(records.condition)).all()
    return RecordSet(records.table, tuple_(*key).in_([tuple(row) for row in rows]))


def find_erasure(connection: Connection, plan_hash: str) -> dict[str, int] | None:
    """Return the counts of the erasure of a plan, None unless it was carried out."""
    query = select(erasures.c.counts).where(erasures.c.plan_hash == plan_hash)
    return connection.execute(query).scalar_one_or_none()


def record_erasure(
    connection: Connection, person: Person, *, plan_hash: str, counts: dict[str, int], by: str
) -> int:
    """Store that the erasure happened, and let this transaction erase texts of the audit log."""
    statement = insert(erasures).values(
        plan_hash=plan_hash,
        guest_ids=sorted(person.guest_ids),
        order_ids=sorted(person.order_ids),
        counts=counts,
        erased_by=by,
    )
    number = int(connection.execute(statement.returning(erasures.c.id)).scalar_one())
    connection.execute(select(func.set_config("ticketing.erasure", str(number), True)))
    return number


def erase_rows(connection: Connection, records: RecordSet, *, at: datetime) -> None:
    """Erase the columns about a person in its own rows, and end what waits for it."""
    _end_waiting(connection, records, at=at)
    if records.table is guests:
        _rename_in_duplicates(connection, records.condition, at=at)
    if records.table is opt_outs:
        connection.execute(delete(opt_outs).where(records.condition))
        return
    values = merged_values(records.table, _CLASSES)
    if values:
        connection.execute(update(records.table).where(records.condition).values(values))


def _end_waiting(connection: Connection, records: RecordSet, *, at: datetime) -> None:
    """Let no message wait for the person, and no entry of a waiting list."""
    if records.table is outbox:
        waiting = and_(outbox.c.processed_at.is_(None), records.condition)
        connection.execute(update(outbox).where(waiting).values(processed_at=at))
    if records.table is waiting_list_entries:
        waiting = and_(waiting_list_entries.c.left_at.is_(None), records.condition)
        connection.execute(update(waiting_list_entries).where(waiting).values(left_at=at))
    if records.table is deliveries:
        queued = and_(deliveries.c.next_attempt_at.is_not(None), records.condition)
        for number in connection.execute(select(deliveries.c.id).where(queued)).scalars().all():
            claim_queries.mark_aborted(connection, number, at=at)


def _rename_in_duplicates(
    connection: Connection, condition: ColumnElement[bool], *, at: datetime
) -> None:
    """Let guests on hold as possible duplicates of the person name it by its number."""
    query = select(guests.c.id, guests.c.event_id, guests.c.natural_key).where(condition)
    for number, event_id, key in connection.execute(query).all():
        new = f"erased:{number}"
        rename_duplicates(connection, event_id, old=key, new=new, at=at)


def list_documents(connection: Connection, records: RecordSet) -> list[tuple[int, str]]:
    """Return the tickets among these rows whose PDF is on the disk, with its path."""
    if records.table is not generated_tickets:
        return []
    query = select(generated_tickets.c.id, generated_tickets.c.pdf_file_path).where(
        records.condition,
        generated_tickets.c.pdf_file_path.is_not(None),
        generated_tickets.c.pdf_removed_at.is_(None),
    )
    return [(number, path) for number, path in connection.execute(query.with_for_update())]


def list_opted_out(connection: Connection, person: Person) -> set[str]:
    """Return the contacts of a person, former ones included, that said STOP."""
    contacts = person.contacts | person.former
    query = select(opt_outs.c.address).where(opt_outs.c.address.in_(contacts))
    return set(connection.execute(query).scalars())


def list_external_ids(connection: Connection, person: Person) -> list[tuple[int, str]]:
    """Return event and external id of each guest of a person that has one."""
    query = select(guests.c.event_id, guests.c.external_id).where(
        guests.c.id.in_(person.guest_ids), guests.c.external_id.is_not(None)
    )
    return [(event_id, external) for event_id, external in connection.execute(query)]
