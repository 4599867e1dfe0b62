"""What is stored of a person, table by table: the rows, and the columns that nobody is shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    cast,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.people_data.person import Person
from ticketing.people_data.scrub import contact_pattern
from ticketing.platform.db.outbox import TO_BUYER
from ticketing.platform.db.tables.access import idempotency_keys
from ticketing.platform.db.tables.billing import (
    payment_record_versions,
    payment_records,
    students,
)
from ticketing.platform.db.tables.checkins import checkins
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.notifications import deliveries, delivery_attempts, opt_outs
from ticketing.platform.db.tables.operations import audit_log, incidents
from ticketing.platform.db.tables.orders import (
    contact_corrections,
    order_guests,
    order_lines,
    order_positions,
    order_review_flags,
    orders,
    promo_redemptions,
)
from ticketing.platform.db.tables.outbox import message_order_code, outbox
from ticketing.platform.db.tables.payments import order_instalments, payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.roster import (
    entitlements,
    guest_changes,
    guests,
    import_rejected_rows,
)
from ticketing.platform.db.tables.tickets import generated_tickets, ticket_generation_logs
from ticketing.platform.db.tables.vouchers import voucher_history, vouchers
from ticketing.platform.db.tables.waiting_list import waiting_list_entries

# whoever has one of these can use a ticket, an order or a voucher
_SECRETS = {
    "orders": {"token_hash", "request_sha256"},
    "payment_attempts": {"checkout_token", "checkout_url"},
    "generated_tickets": {"token_id", "qr_code_data"},
    "vouchers": {"name", "password"},
    "waiting_list_entries": {"token"},
    "idempotency_keys": {"request_sha256", "key", "caller"},
}


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The rows of one table that belong to a person."""

    table: Table
    condition: ColumnElement[bool]

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return self.table.name


def list_record_sets(person: Person) -> list[RecordSet]:
    """Return the rows of every table that belong to a person."""
    return [
        *(RecordSet(*each) for each in _of_guests(person)),
        *(RecordSet(*each) for each in _of_orders(person)),
        *(RecordSet(*each) for each in _messages(person)),
        *(RecordSet(*each) for each in _mentions(person)),
    ]


def list_exported_sets(person: Person) -> list[RecordSet]:
    """Return these rows, and the payment records of every student with an id of the person.

    An erasure is stricter about which students are meant, and deletes them.
    """
    synced = [RecordSet(*each) for each in _of_students(person)]
    return [*list_record_sets(person), *synced]


def count_records(connection: Connection, person: Person) -> dict[str, int]:
    """Return the number of rows of a person in each table, without the empty ones."""
    counts = {
        each.name: connection.execute(
            select(func.count()).select_from(each.table).where(each.condition)
        ).scalar_one()
        for each in list_record_sets(person)
    }
    return {name: number for name, number in counts.items() if number}


def read_records(connection: Connection, records: RecordSet) -> Iterator[Mapping[str, Any]]:
    """Return the rows without secrets, in the order of their keys."""
    secret = _SECRETS.get(records.name, set())
    columns = [column for column in records.table.c if column.name not in secret]
    query = select(*columns).where(records.condition).order_by(*records.table.primary_key)
    for row in connection.execute(query).mappings():
        yield dict(row)


def matches_pattern(table: Table, pattern: str) -> ColumnElement[bool]:
    """Return the condition: a text or JSON column of the row matches; false without a pattern."""
    if not pattern:
        return false()
    return or_(
        false(), *(cast(column, Text).regexp_match(pattern, "i") for column in text_columns(table))
    )


def text_columns(table: Table) -> list[ColumnElement[Any]]:
    """Return the text and JSON columns of a table."""
    return [column for column in table.c if isinstance(column.type, Text | JSONB)]


def _of_guests(person: Person) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    yield guests, guests.c.id.in_(person.guest_ids)
    for table in (guest_changes, entitlements, generated_tickets, ticket_generation_logs):
        yield table, table.c.guest_id.in_(person.guest_ids)
    places = select(entitlements.c.id).where(entitlements.c.guest_id.in_(person.guest_ids))
    yield checkins, checkins.c.entitlement_id.in_(places)
    yield waiting_list_entries, waiting_list_entries.c.id.in_(person.entry_ids)


def _of_students(person: Person) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield payment records of the students with the ids of the person's guests."""
    ids = select(guests.c.external_id).where(guests.c.id.in_(person.guest_ids))
    of_person = select(students.c.id).where(students.c.external_id.in_(ids))
    yield students, students.c.id.in_(of_person)
    for table in (payment_records, payment_record_versions):
        yield table, table.c.student_id.in_(of_person)


def _of_orders(person: Person) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    of_person = person.order_ids
    lines = select(order_lines.c.id).where(order_lines.c.order_id.in_(of_person))
    yield orders, orders.c.id.in_(of_person)
    for table in (
        order_lines, order_instalments, payment_attempts, refunds, order_ledger,
        order_review_flags, contact_corrections, promo_redemptions,
    ):  # fmt: skip
        yield table, table.c.order_id.in_(of_person)
    yield order_positions, order_positions.c.order_line_id.in_(lines)
    yield order_guests, is_named_guest(person)
    yield vouchers, vouchers.c.order_line_id.in_(lines)
    sold = select(vouchers.c.id).where(vouchers.c.order_line_id.in_(lines))
    yield voucher_history, voucher_history.c.voucher_id.in_(sold)


def is_named_guest(person: Person) -> ColumnElement[bool]:
    """Return the condition: a guest as given by a buyer, without an address of somebody else."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id.in_(person.order_ids))
    return or_(
        and_(order_guests.c.order_line_id.in_(lines), order_guests.c.email == ""),
        func.lower(order_guests.c.email).in_(person.contacts),
    )


def messages_query(person: Person) -> Select[int]:
    """Return the query for the messages to a person, or about its orders to their buyer."""
    contacts = person.contacts | person.former
    codes = select(orders.c.code).where(orders.c.id.in_(person.order_ids))
    sent = select(deliveries.c.outbox_id).where(func.lower(deliveries.c.address).in_(contacts))
    return select(outbox.c.id).where(
        or_(
            func.lower(outbox.c.recipient).in_(contacts),
            outbox.c.id.in_(sent),
            and_(message_order_code.in_(codes), outbox.c.purpose.in_(TO_BUYER)),
        )
    )


def _messages(person: Person) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    yield outbox, outbox.c.id.in_(messages_query(person))
    of_person = deliveries.c.outbox_id.in_(messages_query(person))
    yield deliveries, of_person
    yield (
        delivery_attempts,
        delivery_attempts.c.delivery_id.in_(select(deliveries.c.id).where(of_person)),
    )
    yield opt_outs, opt_outs.c.address.in_(person.contacts | person.former)


def _mentions(person: Person) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Return the rows that belong to nobody and name the person by a contact, or its order."""
    pattern = contact_pattern(person.contacts | person.former)
    for table in (import_rejected_rows, incidents):
        yield table, matches_pattern(table, pattern)
    yield inbound_webhooks, _is_notification(person, pattern)
    yield idempotency_keys, _body_matches(idempotency_keys.c.response_body, pattern)
    codes = select(orders.c.code).where(orders.c.id.in_(person.order_ids))
    guest_ids = [str(number) for number in sorted(person.guest_ids)]
    yield (
        audit_log,
        or_(
            audit_log.c.subject.in_(codes),
            audit_log.c.details["guest_id"].as_string().in_(guest_ids),
            matches_pattern(audit_log, pattern),
        ),
    )


def _is_notification(person: Person, pattern: str) -> ColumnElement[bool]:
    attempts = payment_attempts.c.order_id.in_(person.order_ids)
    keys = select(payment_attempts.c.key).where(attempts)
    transactions = select(payment_attempts.c.transaction_id).where(
        attempts, payment_attempts.c.transaction_id != ""
    )
    return or_(
        inbound_webhooks.c.external_reference.in_(keys.union(transactions)),
        _body_matches(inbound_webhooks.c.body, pattern),
    )


def _body_matches(body: ColumnElement[bytes], pattern: str) -> ColumnElement[bool]:
    """Return the condition on stored bytes, whatever their encoding: contacts are ASCII."""
    return func.encode(body, "escape").regexp_match(pattern, "i") if pattern else false()
