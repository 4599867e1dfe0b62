"""What a roster's row wants a person and an entitlement to be, column by column.

A column the file does not have leaves what is known; an empty cell clears it. Names are one: a
file with full names only says that there are no separate first names.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, literal, or_

from ticketing.domain.roster import Field
from ticketing.store.roster_staging import Staging
from ticketing.store.schema import attendees, people, ticket_types

Pairs = dict[str, tuple[ColumnElement[str], ColumnElement[str]]]  # old and new


@dataclass(frozen=True, slots=True)
class Wanted:
    """The file's word on each column, given the fields it has."""

    staging: Staging
    fields: Collection[Field]

    def of_people(self) -> dict[str, ColumnElement[str]]:
        """Column of `people` to what it shall be."""
        row = self.staging.rows.c
        address_is_key = and_(row.email == "", people.c.natural_key.startswith("email:"))
        possible = {
            Field.EXTERNAL_ID: func.coalesce(
                func.nullif(row.external_id, ""), people.c.external_id
            ),
            Field.EMAIL: case((address_is_key, people.c.email), else_=row.email),
            Field.PHONE: row.phone,
        }
        names = {name: row[name] for name in ("first_name", "last_name", "full_name")}
        contacts = {field.value: word for field, word in possible.items() if field in self.fields}
        return {"natural_key": self._natural_key()} | names | contacts

    def of_attendees(self) -> dict[str, ColumnElement[str]]:
        """Column of `attendees` to what it shall be; the kind of ticket apart."""
        row = self.staging.rows.c
        wanted: dict[str, ColumnElement[str]] = {"state": literal("entitled")}
        if Field.SEAT in self.fields:
            wanted["seat"] = row.seat
        if {Field.HOLD, Field.PAYMENT} & set(self.fields):
            wanted["hold_reason"] = func.nullif(row.hold_reason, "")
        return wanted

    def differing(self) -> Pairs:
        """What a person is shown as changing: name of the field to old and new."""
        pairs: Pairs = {name: (people.c[name], new) for name, new in self.of_people().items()}
        pairs |= {name: (attendees.c[name], new) for name, new in self.of_attendees().items()}
        if Field.TICKET_TYPE in self.fields:
            pairs["ticket_type"] = (ticket_types.c.name, self._ticket_type())
        return pairs

    def _natural_key(self) -> ColumnElement[str]:
        """The better of both: an id, else an address, else a number."""
        row = self.staging.rows.c
        known_better = or_(
            and_(row.external_id == "", people.c.external_id.isnot(None)),
            and_(row.natural_key.startswith("tel:"), people.c.natural_key.startswith("email:")),
        )
        return case((known_better, people.c.natural_key), else_=row.natural_key)

    def _ticket_type(self) -> ColumnElement[str]:
        """As the event writes it: "VIP" and "vip" are one kind."""
        row = self.staging.rows.c
        same = func.lower(ticket_types.c.name) == func.lower(row.ticket_type)
        return case((same, ticket_types.c.name), else_=row.ticket_type)


def differs(pairs: Pairs) -> ColumnElement[bool]:
    """Whether any old value is not the new one."""
    return or_(*(old.is_distinct_from(new) for old, new in pairs.values()))
