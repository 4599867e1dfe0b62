"""The new value of each stored column for the rows of a file.

A column that the file does not have keeps the stored value, and so does an empty cell, unless the
import clears them. Names are one unit: a file with full names only clears first and last names.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal, or_
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.roster.model import DEFAULT_TICKET_TYPE, RosterField
from ticketing.roster.plan.hold_reason_queries import (
    other_part,
    payment_part,
    states,
    updated_reason,
    without_duplicate_reason,
)
from ticketing.roster.plan.staging_queries import StagingTables

OldNewPairs = dict[str, tuple[ColumnElement[str], ColumnElement[str]]]  # old and new


@dataclass(frozen=True, slots=True)
class TargetColumns:
    """The new value of each column, for the fields that the file has."""

    staging: StagingTables
    fields: Collection[RosterField]
    clear_empty: bool = False
    keeps_extra: bool = False

    def guest_values(self) -> dict[str, ColumnElement[Any]]:
        """Return the new values of guest columns."""
        row = self.staging.rows.c
        email = case((_address_is_key(), guests.c.email), else_=row.email)
        possible = {
            RosterField.EXTERNAL_ID: func.coalesce(
                func.nullif(row.external_id, ""), guests.c.external_id
            ),
            RosterField.EMAIL: email if self.clear_empty else _stated_or(row.email, guests.c.email),
            RosterField.PHONE: self._stated(row.phone, guests.c.phone),
            RosterField.LOCALE: self._stated(row.locale, guests.c.locale),
            RosterField.SALES_CHANNEL: self._stated(row.sales_channel, guests.c.sales_channel),
        }
        names = {name: row[name] for name in ("first_name", "last_name", "full_name")}
        contacts = {field.value: word for field, word in possible.items() if field in self.fields}
        values = {"natural_key": self._natural_key()} | names | contacts
        if self.keeps_extra:
            values["extra"] = guests.c.extra.concat(self.extra_value())
        if RosterField.TEST_MODE in self.fields:
            kept = literal(not self.clear_empty) & (row.test_mode == "") & guests.c.is_test
            values["is_test"] = kept | (row.test_mode == "test")
        return values

    def attribute_values(self) -> dict[str, ColumnElement[Any]]:
        """Return the columns of a new guest that only some files have."""
        row = self.staging.rows.c
        possible: dict[RosterField, ColumnElement[Any]] = {
            RosterField.LOCALE: row.locale.label("locale"),
            RosterField.SALES_CHANNEL: row.sales_channel.label("sales_channel"),
            RosterField.TEST_MODE: (row.test_mode == "test").label("is_test"),
        }
        found = {each.name: each for field, each in possible.items() if field in self.fields}
        return found | ({"extra": self.extra_value()} if self.keeps_extra else {})

    def extra_value(self) -> ColumnElement[Any]:
        """Return the kept columns of a row; the file keeps those that it does not state."""
        stated = func.nullif(self.staging.rows.c.extra, "")
        return cast(func.coalesce(stated, "{}"), JSONB)

    def entitlement_values(self) -> dict[str, ColumnElement[str]]:
        """Return the new values of entitlement columns, except the ticket type."""
        row = self.staging.rows.c
        values: dict[str, ColumnElement[str]] = {"state": literal("entitled")}
        if RosterField.SEAT in self.fields:
            values["seat"] = self._stated(row.seat, entitlements.c.seat)
        if self._hold_fields():
            values["hold_reason"] = updated_reason(self.staging.rows, self._stated_holds())
        return values

    def compared_values(self) -> OldNewPairs:
        """Return old and new value of each field that is reported as a change."""
        pairs: OldNewPairs = {
            name: (guests.c[name], new) for name, new in self.guest_values().items()
        }
        pairs |= {
            name: (entitlements.c[name], new) for name, new in self.entitlement_values().items()
        }
        for name in {"extra", "is_test"} & pairs.keys():
            before, after = pairs[name]
            pairs[name] = (cast(before, Text), cast(after, Text))
        if RosterField.TICKET_TYPE in self.fields:
            pairs["ticket_type"] = (ticket_types.c.name, self.ticket_type())
        return pairs

    def emptied_values(self) -> dict[str, ColumnElement[bool]]:
        """Return for each field the condition that a value is stored and its cell is empty."""
        row = self.staging.rows.c
        reason, stated = without_duplicate_reason(), row.hold_stated
        default = func.lower(ticket_types.c.name) == DEFAULT_TICKET_TYPE.lower()
        possible = {
            RosterField.EMAIL: and_(row.email == "", guests.c.email != "", ~_address_is_key()),
            RosterField.PHONE: and_(row.phone == "", guests.c.phone != ""),
            RosterField.TICKET_TYPE: and_(row.ticket_type == "", ~default),
            RosterField.SEAT: and_(row.seat == "", entitlements.c.seat != ""),
            RosterField.LOCALE: and_(row.locale == "", guests.c.locale != ""),
            RosterField.SALES_CHANNEL: and_(row.sales_channel == "", guests.c.sales_channel != ""),
            RosterField.TEST_MODE: and_(row.test_mode == "", guests.c.is_test),
            RosterField.HOLD: and_(
                ~states(stated, RosterField.HOLD), other_part(reason).isnot(None)
            ),
            # an empty cell means that a new guest has not paid
            RosterField.PAYMENT: and_(
                ~states(stated, RosterField.PAYMENT), payment_part(reason).is_(None)
            ),
        }
        stated_by = {*self.fields, *self._hold_fields()}
        return {field.value: word for field, word in possible.items() if field in stated_by}

    def ticket_type(self) -> ColumnElement[str]:
        """Return the stored spelling of the new ticket type: "VIP" and "vip" are the same."""
        row, stored = self.staging.rows.c, ticket_types.c.name
        new = stated_ticket_type(self.staging)
        same = func.lower(stored) == func.lower(new)
        kept = literal(not self.clear_empty) & (row.ticket_type == "")
        return case((same | kept, stored), else_=new)

    def _stated(self, new: ColumnElement[str], stored: ColumnElement[str]) -> ColumnElement[str]:
        return new if self.clear_empty else _stated_or(new, stored)

    def _hold_fields(self) -> list[RosterField]:
        present = set(self.fields)
        holds = [RosterField.HOLD] if present & {RosterField.HOLD, RosterField.STATUS} else []
        return holds + [RosterField.PAYMENT] * (RosterField.PAYMENT in present)

    def _stated_holds(self) -> ColumnElement[str]:
        if self.clear_empty:
            return literal(" ".join(self._hold_fields()))
        return self.staging.rows.c.hold_stated

    def _natural_key(self) -> ColumnElement[str]:
        """Return the better key of both: an id, else an e-mail address, else a phone number."""
        row = self.staging.rows.c
        known_better = or_(
            and_(row.external_id == "", guests.c.external_id.isnot(None)),
            and_(row.natural_key.startswith("tel:"), guests.c.natural_key.startswith("email:")),
        )
        return case((known_better, guests.c.natural_key), else_=row.natural_key)


def _stated_or(new: ColumnElement[str], stored: ColumnElement[str]) -> ColumnElement[str]:
    return func.coalesce(func.nullif(new, ""), stored)


def _address_is_key() -> ColumnElement[bool]:
    return guests.c.natural_key.startswith("email:")


def stated_ticket_type(staging: StagingTables) -> ColumnElement[str]:
    """Return the ticket type of a row for a new guest: the default for an empty cell."""
    return func.coalesce(func.nullif(staging.rows.c.ticket_type, ""), DEFAULT_TICKET_TYPE)


def is_different(pairs: OldNewPairs) -> ColumnElement[bool]:
    """Return the condition that any old value differs from the new one."""
    return or_(*(old.is_distinct_from(new) for old, new in pairs.values()))
