"""The columns of each class of fields: their value when erased, and whether they are filled.

Ids, states, times, amounts and codes are in no class: counts, stock and the ledger stay as they
are.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, and_, case, cast, false, func, literal, or_
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.scrub import ERASED
from ticketing.platform.db.tables.notifications import deliveries, delivery_attempts
from ticketing.platform.db.tables.orders import contact_corrections, order_guests, orders
from ticketing.platform.db.tables.outbox import message_order_code, outbox
from ticketing.platform.db.tables.roster import (
    entitlements,
    guest_changes,
    guests,
    import_rejected_rows,
    import_requests,
    imports,
)
from ticketing.platform.db.tables.waiting_list import waiting_list_entries
from ticketing.roster.plan.hold_reason_queries import without_duplicate_reason

Values = dict[str, Any]
_NO_OBJECT: ColumnElement[Any] = cast(literal("{}"), JSONB)
_NO_LIST: ColumnElement[Any] = cast(literal("[]"), JSONB)
_CONTACT_CHANGES = ("email", "phone")


@dataclass(frozen=True, slots=True)
class FieldErasure:
    """The values that erase columns of a table, in the rows where they are filled."""

    table: Table
    values: Values
    filled: ColumnElement[bool]


def list_erasures(field_class: FieldClass) -> list[FieldErasure]:
    """Return the erasures of one class; notifications need more than SQL and have none."""
    makers: dict[FieldClass, Callable[[], Iterator[FieldErasure]]] = {
        FieldClass.CONTACTS: _contacts,
        FieldClass.NAMES: _names,
        FieldClass.EXTRA_COLUMNS: _extra_columns,
        FieldClass.MESSAGES: _messages,
        FieldClass.REJECTED_ROWS: _rejected_rows,
    }
    return list(makers[field_class]()) if field_class in makers else []


def merged_values(table: Table, classes: Collection[FieldClass]) -> Values:
    """Return the values of several classes for one table, each column once."""
    values: Values = {}
    for one in classes:
        for erasure in list_erasures(one):
            if erasure.table is table:
                values |= erasure.values
    if table is guests and values:
        values["natural_key"] = _erased_key("email:", "tel:", "id:")
    return values


def _erased_key(*prefixes: str) -> ColumnElement[str]:
    """Return the natural key of a guest without what identifies a person; a place keeps its key."""
    key = guests.c.natural_key
    named = or_(false(), *(key.startswith(prefix) for prefix in prefixes))
    return case((named, literal("erased:") + cast(guests.c.id, Text)), else_=key)


def _blank(table: Table, *names: str) -> FieldErasure:
    return FieldErasure(
        table, dict.fromkeys(names, ""), or_(false(), *(table.c[name] != "" for name in names))
    )


def _contacts() -> Iterator[FieldErasure]:
    contacts = _blank(guests, "email", "phone")
    key = {"natural_key": _erased_key("email:", "tel:")}
    yield FieldErasure(guests, contacts.values | key, contacts.filled)
    changes = _blank(guest_changes, "old_value", "new_value")
    of_contact = guest_changes.c.field.in_(_CONTACT_CHANGES)
    yield FieldErasure(guest_changes, changes.values, and_(changes.filled, of_contact))
    # a possible duplicate is on hold with the key of the other guest
    alone = {"duplicate_of": None, "hold_reason": without_duplicate_reason()}
    yield FieldErasure(entitlements, alone, entitlements.c.duplicate_of.is_not(None))
    yield _blank(orders, "buyer_key", "buyer_email", "buyer_phone", "client_network")
    yield _blank(order_guests, "email")
    yield _blank(contact_corrections, "contact")
    entry = _blank(waiting_list_entries, "buyer_email", "buyer_phone", "client_network")
    nobody = {"buyer_key": literal("erased:") + cast(waiting_list_entries.c.id, Text)}
    yield FieldErasure(waiting_list_entries, entry.values | nobody, entry.filled)
    address = _blank(deliveries, "address")
    is_over = and_(deliveries.c.next_attempt_at.is_(None), deliveries.c.claimed_until.is_(None))
    yield FieldErasure(deliveries, address.values, and_(address.filled, is_over))
    is_address = or_(outbox.c.recipient.contains("@"), outbox.c.recipient.startswith("+"))
    recipient = {"recipient": literal("erased:") + cast(outbox.c.id, Text)}
    is_sent = outbox.c.processed_at.is_not(None)
    yield FieldErasure(outbox, recipient, and_(is_address, is_sent))


def _names() -> Iterator[FieldErasure]:
    names = {"full_name": ERASED, "first_name": "", "last_name": "", "external_id": None}
    key = {"natural_key": _erased_key("id:")}
    yield FieldErasure(guests, names | key, guests.c.full_name != ERASED)
    changes = _blank(guest_changes, "old_value", "new_value")
    of_name = guest_changes.c.field.not_in(_CONTACT_CHANGES)
    yield FieldErasure(guest_changes, changes.values, and_(changes.filled, of_name))
    yield _blank(orders, "buyer_name")
    yield FieldErasure(order_guests, {"full_name": ERASED}, order_guests.c.full_name != ERASED)
    yield _blank(waiting_list_entries, "buyer_name")


def _extra_columns() -> Iterator[FieldErasure]:
    yield FieldErasure(guests, {"extra": _NO_OBJECT}, guests.c.extra != _NO_OBJECT)
    yield FieldErasure(order_guests, {"answers": _NO_OBJECT}, order_guests.c.answers != _NO_OBJECT)


def _messages() -> Iterator[FieldErasure]:
    order = func.jsonb_strip_nulls(func.jsonb_build_object("order", message_order_code))
    yield FieldErasure(outbox, {"payload": order}, outbox.c.payload != order)
    yield _blank(deliveries, "last_error")
    yield _blank(delivery_attempts, "reason")


def _rejected_rows() -> Iterator[FieldErasure]:
    yield FieldErasure(
        import_rejected_rows, {"value": "", "row": _NO_LIST}, import_rejected_rows.c.row != _NO_LIST
    )
    # the number of warnings stays, as that of rejected rows does
    without_rows = imports.c.warnings.op("-")("rows")
    yield FieldErasure(imports, {"warnings": without_rows}, imports.c.warnings.has_key("rows"))
    yield FieldErasure(
        import_requests, {"result": _NO_OBJECT}, import_requests.c.result != _NO_OBJECT
    )
