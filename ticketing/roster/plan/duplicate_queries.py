"""Find new guests of a file who share their e-mail or phone with another guest.

With the same name they are possible duplicates, compared with the event's guests and with the other
rows of the file. With another name they are pointed out if the contact was known before: families
share contacts.
"""

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    and_,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on

from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.roster.model import RowOutcome
from ticketing.roster.plan.contact_matching_queries import has_same_name
from ticketing.roster.plan.hold_reason_queries import (
    duplicate_reason,
    join_reasons,
    without_duplicate_reason,
)
from ticketing.roster.plan.import_impact import SharedContact, SharedContacts
from ticketing.roster.plan.matching_queries import event_has_people
from ticketing.roster.plan.staging_queries import StagingTables, use_bulk_query_settings
from ticketing.roster.plan.target_column_queries import TargetColumns

_CONTACTS = {"email": "e-mail", "phone": "phone"}


def find_shared_contacts(connection: Connection, staging: StagingTables) -> None:
    """Fill the staging table `contacts` for the rows that the plan inserts."""
    use_bulk_query_settings(connection)
    pairs = []
    if _is_any_contact_repeated(connection, staging):
        pairs.append(_pairs_within_file(staging))
    if event_has_people(connection, staging):
        pairs += [_pairs_with_guests(staging, column) for column in _CONTACTS]
    if not pairs:
        return
    found = union_all(*(select(pair.subquery()) for pair in pairs)).subquery("found")
    columns = ["line", "is_duplicate", "other", "other_name", "contact"]
    best = (
        select(*(found.c[name] for name in columns))
        .ext(distinct_on(found.c.line))
        .order_by(found.c.line, found.c.is_duplicate.desc(), found.c.contact, found.c.other)
    )
    connection.execute(insert(staging.contacts).from_select(columns, best))
    staging.analyze(connection, staging.contacts)


def read_shared_contacts(
    connection: Connection, staging: StagingTables, *, duplicates: bool, limit: int
) -> SharedContacts:
    """Return the number and the first new guests with the contact of another guest."""
    contacts, rows = staging.contacts, staging.rows
    wanted = contacts.c.is_duplicate == int(duplicates)
    people = connection.execute(select(func.count()).where(wanted)).scalar_one()
    query = (
        select(
            rows.c.line,
            rows.c.natural_key.label("person"),
            rows.c.full_name.label("name"),
            *contacts.c["contact", "other", "other_name"],
        )
        .join(rows, rows.c.line == contacts.c.line)
        .where(wanted)
        .order_by(rows.c.line)
        .limit(limit)
    )
    first = connection.execute(query).mappings() if people else ()
    return SharedContacts(people, [SharedContact(**row) for row in first])


def rename_changed_keys(connection: Connection, target: TargetColumns) -> None:
    """Let possible duplicates name the new key of a guest whose key the plan changes."""
    staging, new = target.staging, target.guest_values()["natural_key"]
    reason = join_reasons(duplicate_reason(new), without_duplicate_reason())
    changed = (
        staging.plan.c.verdict == RowOutcome.UPDATED.value,
        staging.plan.c.guest_id == guests.c.id,
        staging.rows.c.line == staging.plan.c.line,
        new != guests.c.natural_key,
    )
    connection.execute(
        update(entitlements)
        .values(duplicate_of=new, hold_reason=reason)
        .where(entitlements.c.event_id == staging.event_id)
        .where(entitlements.c.duplicate_of == guests.c.natural_key, *changed)
    )
    connection.execute(
        update(staging.contacts)
        .values(other=new)
        .where(staging.contacts.c.other == guests.c.natural_key, *changed)
    )


def count_undecided(connection: Connection, event_id: int) -> int:
    """Return the number of possible duplicates of an event that are on hold."""
    waiting = and_(entitlements.c.event_id == event_id, entitlements.c.duplicate_of.isnot(None))
    return connection.execute(select(func.count()).where(waiting)).scalar_one()


def _is_any_contact_repeated(connection: Connection, staging: StagingTables) -> bool:
    """Return whether two clean rows have the same contact; most files need no more than this."""
    repeated = or_(*(_repeated(staging, column).exists() for column in _CONTACTS))
    return bool(connection.execute(select(repeated)).scalar_one())


def _repeated(staging: StagingTables, column: str) -> Select[tuple[int]]:
    """Select the hashes of contacts in several rows; numbers are grouped faster than texts."""
    contact, rows = staging.rows.c[column], staging.rows
    digest = func.hashtextextended(contact, 0)
    return (
        select(digest)
        .where(rows.c.reason.is_(None), contact != "")
        .group_by(digest)
        .having(func.count() > 1)
    )


def _pairs_within_file(staging: StagingTables) -> Select[tuple[object, ...]]:
    """Select new guests whose name and contact are in another row, with the first such row.

    A row of a known guest comes before rows of new ones, wherever it is in the file.
    """
    same = union_all(*(_rows_with_repeated(staging, column) for column in _CONTACTS)).subquery()
    first_line = func.first_value(same.c.line).over(
        partition_by=(same.c.contact, same.c.value, same.c.name),
        order_by=(same.c.is_new, same.c.line),
    )
    first = select(
        same.c.line, same.c.is_new, same.c.contact, first_line.label("first_line")
    ).subquery("first")
    other = staging.rows.alias("other")
    return (
        select(
            first.c.line,
            literal(1, Integer).label("is_duplicate"),
            other.c.natural_key.label("other"),
            other.c.full_name.label("other_name"),
            first.c.contact,
        )
        .join(other, other.c.line == first.c.first_line)
        .where(first.c.line != first.c.first_line, first.c.is_new == 1)
    )


def _rows_with_repeated(staging: StagingTables, column: str) -> Select[tuple[object, ...]]:
    """Select the usable rows, one per guest, whose contact is in several rows."""
    rows, matches, planned = staging.rows, staging.matches, staging.plan
    is_inserted = and_(
        planned.c.line == rows.c.line, planned.c.verdict == RowOutcome.INSERTED.value
    )
    return (
        select(
            rows.c.line,
            literal(_CONTACTS[column]).label("contact"),
            rows.c[column].label("value"),
            func.lower(rows.c.full_name).label("name"),
            cast(planned.c.line.isnot(None), Integer).label("is_new"),
        )
        .join(matches, matches.c.line == rows.c.line)
        .outerjoin(planned, is_inserted)
        .where(
            rows.c[column] != "",
            func.hashtextextended(rows.c[column], 0).in_(_repeated(staging, column)),
            matches.c.reason.is_(None),
            matches.c.repeats.is_(None),
        )
    )


def _pairs_with_guests(staging: StagingTables, column: str) -> Select[tuple[object, ...]]:
    """Select new guests with another guest of the event's rosters who has their contact."""
    rows, planned = staging.rows, staging.plan
    return (
        select(
            rows.c.line,
            cast(has_same_name(rows, guests), Integer).label("is_duplicate"),
            guests.c.natural_key.label("other"),
            guests.c.full_name.label("other_name"),
            literal(_CONTACTS[column]).label("contact"),
        )
        .join(planned, planned.c.line == rows.c.line)
        .join(guests, guests.c[column] == rows.c[column])
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .where(
            planned.c.verdict == RowOutcome.INSERTED.value,
            rows.c[column] != "",
            guests.c.event_id == staging.event_id,
            guests.c.id.is_distinct_from(planned.c.guest_id),
            guests.c.merged_into.is_(None),
            entitlements.c.source == "roster",
        )
    )
