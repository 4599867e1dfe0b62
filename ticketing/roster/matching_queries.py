"""Match the clean rows of an import with the guests of the event: known, new or ambiguous.

A guest is identified by the natural key. Where one side has a better key than the other (an id
where only an address was known), they match by address or number and the same name; an address
with another name is ambiguous, and the row is rejected.
"""

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on

from ticketing.orders.place_guest import NATURAL_KEY_PREFIX
from ticketing.platform.db.tables.roster import guests
from ticketing.roster.model import RosterEntry
from ticketing.roster.staging_queries import StagingTables, use_bulk_query_settings

_RANK_EMAIL, _RANK_PHONE = 1, 2  # an e-mail address identifies better than a phone number


def match_people(connection: Connection, staging: StagingTables) -> None:
    """Fill the staging table `matches`: every clean row with its guest, or its rejection reason."""
    use_bulk_query_settings(connection)
    _match_by_key(connection, staging)
    staging.analyze(connection, staging.matches)
    _mark_refused(connection, staging, _contradictions(staging))
    _mark_refused(connection, staging, _weaker_duplicates(staging))
    if _event_has_people(connection, staging):
        _match_by_contact(connection, staging)
        _mark_refused(connection, staging, _ambiguous_contacts(staging))
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


def _event_has_people(connection: Connection, staging: StagingTables) -> bool:
    """Return whether the event has guests; without them a million rows import a quarter faster."""
    known = exists().where(guests.c.event_id == staging.event_id)
    return bool(connection.execute(select(known)).scalar_one())


def _mark_refused(connection: Connection, staging: StagingTables, refusals: Subquery) -> None:
    """Store the reason in the rows that `refusals` (line, key, reason) contains."""
    connection.execute(
        update(staging.matches)
        .values(
            field=case(
                (refusals.c.key.startswith("id:"), "external_id"),
                (refusals.c.key.startswith("email:"), "email"),
                else_="phone",
            ),
            value=func.substr(refusals.c.key, func.strpos(refusals.c.key, ":") + 1),
            reason=refusals.c.reason,
        )
        .where(staging.matches.c.line == refusals.c.line)
    )


def _contradictions(staging: StagingTables) -> Subquery:
    """Select rows of the same guest with other data: the first line counts."""
    matches, row, first = staging.matches, staging.rows.alias("r"), staging.rows.alias("f")
    differing = func.concat_ws(
        ", ",
        *(case((row.c[name] != first.c[name], name)) for name in RosterEntry._fields[1:]),
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
            .where(row.c.external_id == "", _has_same_name(row, more), more.c.reason.is_(None))
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


def _match_by_contact(connection: Connection, staging: StagingTables) -> None:
    """Match the remaining rows with the only guest of the same name and address or number."""
    candidates = _candidates(staging)
    best = func.min(candidates.c.rank).over(partition_by=candidates.c.line)
    rivals = func.count().over(partition_by=(candidates.c.line, candidates.c.rank))
    ranked = (
        select(candidates, best.label("best"), rivals.label("rivals"))
        .where(candidates.c.same_name, ~_is_claimed(staging, candidates))
        .subquery("ranked")
    )
    turn = func.row_number().over(
        partition_by=ranked.c.guest_id, order_by=(ranked.c.rank, ranked.c.line)
    )
    chosen = (
        select(ranked.c.line, ranked.c.guest_id, turn.label("turn"))
        .where(ranked.c.rank == ranked.c.best, ranked.c.rivals == 1)
        .subquery("chosen")
    )
    matches = staging.matches
    # identical rows of the same guest follow the first one
    connection.execute(
        update(matches)
        .values(guest_id=chosen.c.guest_id)
        .where(
            func.coalesce(matches.c.repeats, matches.c.line) == chosen.c.line,
            chosen.c.turn == 1,
        )
    )


def _ambiguous_contacts(staging: StagingTables) -> Subquery:
    """Select rows whose address or number belongs to a guest with another name or to several.

    A guest that another row of this file already matched is no conflict: that row decides about the
    address, and was compared already.
    """
    candidates = _candidates(staging)
    reason = case(
        (~candidates.c.same_name, _other_name_reason(candidates)),
        else_="several people have this name, address or number; add an id",
    )
    return (
        select(candidates.c.line, candidates.c.key, reason.label("reason"))
        .ext(distinct_on(candidates.c.line))
        .where(~_is_claimed(staging, candidates))
        .order_by(candidates.c.line, candidates.c.rank, candidates.c.guest_id)
        .subquery("strangers")
    )


def _other_name_reason(candidates: FromClause) -> ColumnElement[str]:
    return func.format(
        "the %s belongs to %s (%s), another name; make the names alike, or give both an id",
        case((candidates.c.rank == _RANK_EMAIL, "address"), else_="number"),
        candidates.c.full_name,
        candidates.c.their_key,
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


def _candidates(staging: StagingTables) -> Subquery:
    """Select pairs of unmatched row and guest where the key of one is a contact of the other."""
    row = staging.rows
    by_their_key = (
        (_RANK_EMAIL, row.c.email != "", guests.c.natural_key == literal("email:") + row.c.email),
        (_RANK_PHONE, row.c.phone != "", guests.c.natural_key == literal("tel:") + row.c.phone),
    )
    without_id = row.c.external_id == ""
    by_our_key = (
        (_RANK_EMAIL, and_(without_id, row.c.email != ""), guests.c.email == row.c.email),
        (
            _RANK_PHONE,
            and_(without_id, row.c.email == "", row.c.phone != ""),
            guests.c.phone == row.c.phone,
        ),
    )
    pairs = (_candidate_pairs(staging, *by) for by in (*by_their_key, *by_our_key))
    return union_all(*pairs).subquery("candidates")


def _candidate_pairs(
    staging: StagingTables, rank: int, has_contact: ColumnElement[bool], shared: ColumnElement[bool]
) -> Select[tuple[object, ...]]:
    matches, row = staging.matches, staging.rows
    return (
        select(
            row.c.line,
            row.c.natural_key.label("key"),
            literal(rank).label("rank"),
            guests.c.id.label("guest_id"),
            guests.c.full_name,
            guests.c.natural_key.label("their_key"),
            _has_same_name(row, guests).label("same_name"),
        )
        .join(matches, matches.c.line == row.c.line)
        .join(guests, and_(guests.c.event_id == staging.event_id, shared))
        .where(
            has_contact,
            # a place of an order is nobody's by its address alone
            guests.c.natural_key.not_like(f"{NATURAL_KEY_PREFIX}%"),
            matches.c.repeats.is_(None),
            matches.c.guest_id.is_(None),
            matches.c.reason.is_(None),
        )
    )


def _is_claimed(staging: StagingTables, candidates: FromClause) -> ColumnElement[bool]:
    """Return the condition that another usable row of the file already matched this guest."""
    claim = staging.matches.alias("claim")
    return exists().where(claim.c.guest_id == candidates.c.guest_id, claim.c.reason.is_(None))


def _has_same_name(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return func.lower(one.c.full_name) == func.lower(other.c.full_name)
