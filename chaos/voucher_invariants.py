"""Comparison of the routers' users with our vouchers: each paid voucher exists exactly once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from ticketing.platform.db.database import Database

RouterUsers = Sequence[Mapping[str, str]]  # a router's users, as it shows them


@dataclass(frozen=True, slots=True)
class VoucherRow:
    """Voucher in our database."""

    key: str
    router: str
    profile: str
    name: str = field(repr=False)
    password: str = field(repr=False)
    state: str
    order: int | None
    order_state: str
    was_paid: bool


@dataclass(frozen=True, slots=True)
class VoucherSnapshot:
    """Snapshot of all vouchers and the number owed to each paid order."""

    installation_id: str  # marks our users on a router
    expected_counts: dict[int, int]
    rows: Sequence[VoucherRow]


def read_snapshot(database: Database, installation_id: str) -> VoucherSnapshot:
    """Read the snapshot in one transaction; no other process writes any more."""
    with database.transaction() as connection:
        return VoucherSnapshot(
            installation_id,
            {row.order_id: int(row.vouchers) for row in connection.execute(_EXPECTED_COUNTS)},
            [VoucherRow(*row) for row in connection.execute(_VOUCHERS)],
        )


def find_violations(
    snapshot: VoucherSnapshot,
    users_by_router: Mapping[str, RouterUsers],
    foreign_user: Mapping[str, str],
) -> Iterator[str]:
    """Yield a description of every violation, without voucher codes."""
    yield from _order_violations(snapshot)
    yield from _voucher_violations(snapshot, users_by_router)
    for name, users in users_by_router.items():
        yield from _router_violations(name, users, snapshot, foreign_user)


def _order_violations(snapshot: VoucherSnapshot) -> Iterator[str]:
    made: defaultdict[int | None, Counter[str]] = defaultdict(Counter)
    for row in snapshot.rows:
        made[row.order][row.state] += 1
    for order, number in snapshot.expected_counts.items():
        if made[order] != {"active": number}:
            yield f"order {order} is paid: its vouchers are {dict(made[order])}, not {number}"


def _voucher_violations(
    snapshot: VoucherSnapshot, users_by_router: Mapping[str, RouterUsers]
) -> Iterator[str]:
    found = defaultdict(set)
    for name, users in users_by_router.items():
        for place, user in enumerate(users):
            for word in (user["name"], *user.get("comment", "").split(":")):
                found[word].add((name, place))
    for row in snapshot.rows:
        if row.order is not None and not row.was_paid:
            yield f"{row.key}: unpaid voucher of order {row.order}"
        elif row.order is not None and row.order_state != "paid" and row.state != "removed":
            yield f"{row.key} is {row.state}: its order {row.order} is {row.order_state}"
        placements = found[row.name] | found[row.key]
        expected = row.state == "active"
        if len(placements) != expected:
            yield f"{row.key} is {row.state}: on routers {len(placements)} times"
        for name, place in placements:
            user = users_by_router[name][place]
            yield from (
                f"{row.key}: {what}"
                for what in _user_differences(row, name, user, snapshot.installation_id)
            )


def _user_differences(
    row: VoucherRow, router: str, user: Mapping[str, str], installation_id: str
) -> Iterator[str]:
    wanted = {
        "name": row.name,
        "password": row.password,
        "profile": row.profile,
        "comment": f"tk:{installation_id}:{row.key}:{row.name}",
    }
    if router != row.router:
        yield f"on {router}, not on {row.router}"
    for what, value in wanted.items():
        if user.get(what) != value:
            yield f"wrong {what} on {router}"


def _router_violations(
    router: str, users: RouterUsers, snapshot: VoucherSnapshot, foreign_user: Mapping[str, str]
) -> Iterator[str]:
    known = {row.name for row in snapshot.rows}
    if not any(foreign_user.items() <= user.items() for user in users):
        yield f"{router}: the user of another program was changed"
    strange = [user for user in users if user["name"] not in {*known, foreign_user["name"]}]
    if strange:
        yield f"{router}: {len(strange)} unknown users"


def summarise(
    snapshot: VoucherSnapshot, users_by_router: Iterable[RouterUsers]
) -> dict[str, object]:
    """Return the figures of the report."""
    return {
        "purchases": len(snapshot.expected_counts),
        "vouchers": dict(Counter(row.state for row in snapshot.rows)),
        "on routers": sum(map(len, users_by_router)),
    }


# plain SQL instead of the application's queries, to be independent of the tested code
_EXPECTED_COUNTS = text(
    "SELECT l.order_id, sum(l.quantity) AS vouchers FROM order_lines l"
    " JOIN packages p USING (ticket_type_id) JOIN orders o ON o.id = l.order_id"
    " WHERE o.state = 'paid' GROUP BY l.order_id"
)
_VOUCHERS = text(
    "SELECT v.key, r.name, p.profile, v.name, v.password, v.state, o.id, coalesce(o.state, ''),"
    " o.paid_attempt_id IS NOT NULL FROM vouchers v JOIN routers r ON r.id = v.router_id"
    " JOIN packages p ON p.ticket_type_id = v.ticket_type_id"
    " LEFT JOIN order_lines l ON l.id = v.order_line_id LEFT JOIN orders o ON o.id = l.order_id"
)
