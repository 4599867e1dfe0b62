"""Match the clean rows of an import with the guests of the event: known, new or ambiguous.

A guest is identified by the natural key. Where one side has a better key than the other (an id
where only an address was known), they match by address or number and the same name; an address
with another name is ambiguous, and the row is rejected.
"""

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    and_,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from ticketing.platform.db.tables.roster import guests
from ticketing.roster.model import RosterEntry
from ticketing.roster.plan.contact_matching_queries import (
    ambiguous_contacts,
    has_same_name,
    match_by_contact,
    other_names,
)
from ticketing.roster.plan.staging_queries import StagingTables, use_bulk_query_settings

# `hold_stated` describes only how the hold reason was written
_COMPARED_FIELDS = tuple(name for name in RosterEntry._fields[1:] if name != "hold_stated")


def match_people(
    connection: Connection, staging: StagingTables, *, apply_holder_changes: bool = False
) -> None:
    """Fill the staging table `matches`: every clean row with its guest, or its rejection reason.

    With `apply_holder_changes`, another name for a known e-mail or phone is a new name of its
    guest instead of an ambiguous row.
    """
    use_bulk_query_settings(connection)
    _match_by_key(connection, staging)
    staging.analyze(connection, staging.matches)
    _mark_refused(connection, staging, _contradictions(staging))
    has_rows_without_id = _has_rows_without_id(connection, staging)
    if has_rows_without_id:
        _mark_refused(connection, staging, _weaker_duplicates(staging))
    if event_has_people(connection, staging):
        _redirect_merged(connection, staging)
        if has_rows_without_id and not apply_holder_changes:
            _mark_refused(connection, staging, other_names(staging))
        match_by_contact(connection, staging)
        _mark_refused(connection, staging, ambiguous_contacts(staging))
    mark_repeats_of_refused(connection, staging)


def mark_repeats_of_refused(connection: Connection, staging: StagingTables) -> None:
    """Reject the identical rows of a guest whose first row is rejected."""
    _mark_refused(connection, staging, _repeats_of_refused(staging))


def _match_by_key(connection: Connection, staging: StagingTables) -> None:
    """Match by natural key; later rows of the same guest repeat the first."""
    rows = staging.rows
    # COLLATE "C": any order will do, and bytes sort several times faster than text
    first = func.min(rows.c.line).over(partition_by=rows.c.natural_key.collate("C"))
    known = and_(guests.c.event_id == staging.event_id, guests.c.natural_key == rows.c.natural_key)
    source = (
        select(rows.c.line, func.nullif(first, rows.c.line), guests.c.id)
        .select_from(rows.outerjoin(guests, known))
        .where(rows.c.reason.is_(None))
    )
    connection.execute(insert(staging.matches).from_select(["line", "repeats", "guest_id"], source))


def _redirect_merged(connection: Connection, staging: StagingTables) -> None:
    """Match the rows of merged guests with the guest that was kept.

    The kept guest's own row decides; without one, the row is rejected, because the file says
    something about an id that is not used any more.
    """
    matches, dropped, kept = staging.matches, guests.alias("dropped"), guests.alias("kept")
    merged = and_(dropped.c.event_id == staging.event_id, dropped.c.merged_into.isnot(None))
    if not connection.execute(select(exists().where(merged))).scalar_one():
        return
    own = staging.matches.alias("own")
    own_line = select(func.min(own.c.line)).where(own.c.guest_id == kept.c.id).scalar_subquery()
    reason = func.format("merged into %s; write that id", kept.c.natural_key)
    connection.execute(
        update(matches)
        .values(
            guest_id=kept.c.id,
            repeats=func.coalesce(matches.c.repeats, own_line),
            field=case((own_line.is_(None), _key_field(dropped.c.natural_key))),
            value=case((own_line.is_(None), _key_value(dropped.c.natural_key))),
            reason=case((own_line.is_(None), reason)),
        )
        .where(matches.c.reason.is_(None), merged)
        .where(matches.c.guest_id == dropped.c.id, kept.c.id == dropped.c.merged_into)
    )


def _has_rows_without_id(connection: Connection, staging: StagingTables) -> bool:
    """Return whether the file has clean rows without an id; most files need no more than this."""
    rows = staging.rows
    without = exists().where(rows.c.external_id == "", rows.c.reason.is_(None))
    return bool(connection.execute(select(without)).scalar_one())


def event_has_people(connection: Connection, staging: StagingTables) -> bool:
    """Return whether the event has guests; without them a million rows import a quarter faster."""
    known = exists().where(guests.c.event_id == staging.event_id)
    return bool(connection.execute(select(known)).scalar_one())


def _mark_refused(connection: Connection, staging: StagingTables, refusals: Subquery) -> None:
    """Store the reason in the rows that `refusals` (line, key, reason) contains."""
    connection.execute(
        update(staging.matches)
        .values(
            field=_key_field(refusals.c.key),
            value=_key_value(refusals.c.key),
            reason=refusals.c.reason,
        )
        .where(staging.matches.c.line == refusals.c.line)
    )


def _key_field(key: ColumnElement[str]) -> ColumnElement[str]:
    """Return the field of a roster that a natural key comes from."""
    fields = (key.startswith("id:"), "external_id"), (key.startswith("email:"), "email")
    return case(*fields, else_="phone")


def _key_value(key: ColumnElement[str]) -> ColumnElement[str]:
    return func.substr(key, func.strpos(key, ":") + 1)


def _contradictions(staging: StagingTables) -> Subquery:
    """Select rows of the same guest with other data: the first line counts."""
    matches, row, first = staging.matches, staging.rows.alias("r"), staging.rows.alias("f")
    differing = func.concat_ws(
        ", ",
        *(case((row.c[name] != first.c[name], name)) for name in _COMPARED_FIELDS),
    )
    reason = func.format("the same person as line %s, with another %s", first.c.line, differing)
    return (
        select(row.c.line, row.c.natural_key.label("key"), reason.label("reason"))
        .join(matches, matches.c.line == row.c.line)
        .join(first, first.c.line == matches.c.repeats)
        .where(differing != "")
        .subquery("contradictions")
    )


def _weaker_duplicates(staging: StagingTables) -> Subquery:
    """Select rows without an id that match a better identified line by name and contact."""
    row, more = staging.rows.alias("r"), staging.rows.alias("more")
    by_address = and_(row.c.email != "", more.c.email == row.c.email, more.c.external_id != "")
    by_number = and_(
        row.c.email == "",
        row.c.phone != "",
        more.c.phone == row.c.phone,
        or_(more.c.external_id != "", more.c.email != ""),
    )
    pairs = union_all(
        *(
            select(row.c.line, row.c.natural_key, more.c.line.label("other"))
            .join(more, shared)
            .where(row.c.external_id == "", has_same_name(row, more), more.c.reason.is_(None))
            for shared in (by_address, by_number)
        )
    ).subquery("pairs")
    other = func.min(pairs.c.other)
    return (
        select(
            pairs.c.line,
            pairs.c.natural_key.label("key"),
            func.format("the same person as line %s, which says more", other).label("reason"),
        )
        .group_by(pairs.c.line, pairs.c.natural_key)
        .subquery("weaker")
    )


def _repeats_of_refused(staging: StagingTables) -> Subquery:
    """Select identical rows of a guest whose first row is rejected."""
    again, first = staging.matches.alias("again"), staging.matches.alias("first")
    return (
        select(
            again.c.line,
            staging.rows.c.natural_key.label("key"),
            func.format("the same as line %s, which is rejected", first.c.line).label("reason"),
        )
        .join(first, first.c.line == again.c.repeats)
        .join(staging.rows, staging.rows.c.line == again.c.line)
        .where(again.c.reason.is_(None), first.c.reason.isnot(None))
        .subquery("echoes")
    )
