"""Match rows with guests by e-mail or phone and name, where one side has a better key.

An address or number with another name is ambiguous, and the row is rejected.
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
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on

from ticketing.orders.place_guest import NATURAL_KEY_PREFIX
from ticketing.platform.db.tables.roster import guests
from ticketing.roster.plan.staging_queries import StagingTables

_RANK_EMAIL, _RANK_PHONE = 1, 2  # an e-mail address identifies better than a phone number


def other_names(staging: StagingTables) -> Subquery:
    """Select rows whose only identification, an e-mail or phone, is that of another name."""
    rows, matches = staging.rows, staging.matches
    reason = _other_name_reason(rows.c.email != "", guests.c.full_name, guests.c.natural_key)
    return (
        select(rows.c.line, rows.c.natural_key.label("key"), reason.label("reason"))
        .join(matches, matches.c.line == rows.c.line)
        .join(guests, guests.c.id == matches.c.guest_id)
        .where(
            rows.c.external_id == "",
            matches.c.reason.is_(None),
            matches.c.repeats.is_(None),
            ~has_same_name(rows, guests),
        )
        .subquery("other_names")
    )


def match_by_contact(connection: Connection, staging: StagingTables) -> None:
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


def ambiguous_contacts(staging: StagingTables) -> Subquery:
    """Select rows whose address or number belongs to a guest with another name or to several.

    A guest that another row of this file already matched is no conflict: that row decides about the
    address, and was compared already.
    """
    candidates = _candidates(staging)
    reason = case(
        (
            ~candidates.c.same_name,
            _other_name_reason(
                candidates.c.rank == _RANK_EMAIL, candidates.c.full_name, candidates.c.their_key
            ),
        ),
        else_="several people have this name, address or number; add an id",
    )
    return (
        select(candidates.c.line, candidates.c.key, reason.label("reason"))
        .ext(distinct_on(candidates.c.line))
        .where(~_is_claimed(staging, candidates))
        .order_by(candidates.c.line, candidates.c.rank, candidates.c.guest_id)
        .subquery("strangers")
    )


def _other_name_reason(
    is_address: ColumnElement[bool], name: ColumnElement[str], key: ColumnElement[str]
) -> ColumnElement[str]:
    return func.format(
        "the %s belongs to %s (%s), another name; make the names alike, or give both an id",
        case((is_address, "address"), else_="number"),
        name,
        key,
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
            has_same_name(row, guests).label("same_name"),
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


def has_same_name(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Return the condition that two names differ in upper and lower case at most."""
    return func.lower(one.c.full_name) == func.lower(other.c.full_name)
