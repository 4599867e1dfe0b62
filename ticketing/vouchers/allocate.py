"""Vouchers made ahead: a package's stock on its router, so that a sale outlives an outage.

What is sold from it has its codes at once. What nobody bought ends with the package's terms.

Vouchers for a paid order: out of stock or owed, with a row each before a router hears of it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders.order import Order
from ticketing.platform.db import audit_log, notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.base32 import encode_base32
from ticketing.routers.credentials import CodeRule
from ticketing.tickets.identity import Randomness
from ticketing.vouchers import cleanup_queries, order_queries, package_queries, queries
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.queries import AllocationLine, NewVoucher
from ticketing.vouchers.transition_queries import CLEANED_UP

KEY_BYTES = 10


def allocate_vouchers(
    connection: Connection, order: Order, *, at: datetime, randomness: Randomness = os.urandom
) -> int:
    """Give the order what its packages promise; gives how many. Once: the caller sees to it.

    What was made ahead is the buyer's at once, whether the router can be reached or not.
    """
    lines = queries.list_unallocated_lines(connection, order.id)
    if not lines:
        return 0
    brought = package_queries.find_by_ticket_types(
        connection, [line.ticket_type_id for line in lines]
    )
    for line in lines:
        package = brought[line.ticket_type_id]
        ready = queries.assign_from_pool(connection, package, line, at=at)
        rest = replace(line, numbers=line.numbers[ready:])
        wanted = draw_vouchers(package.router_id, package.rule, rest, randomness=randomness)
        store_vouchers(connection, wanted, package.rule, at=at, randomness=randomness)
    order_queries.enqueue_ready_notices(connection, [order.id])
    notify.notify_workers(connection)
    return sum(len(line.numbers) for line in lines)


def draw_vouchers(
    router_id: int, rule: CodeRule, line: AllocationLine, *, randomness: Randomness
) -> list[NewVoucher]:
    """A voucher for every number of a line; for a line of nobody's, made ahead."""
    return [
        NewVoucher(
            key=f"V{encode_base32(randomness(KEY_BYTES))}",
            ticket_type_id=line.ticket_type_id,
            router_id=router_id,
            credentials=rule.generate_credentials(randomness(rule.random_bytes)),
            order_line_id=line.id,
            number=number,
        )
        for number in line.numbers
    ]


def store_vouchers(
    connection: Connection,
    new_vouchers: Sequence[NewVoucher],
    rule: CodeRule,
    *,
    at: datetime,
    randomness: Randomness,
) -> None:
    """Store them; one whose code was somebody's before gets another."""
    while new_vouchers:
        stored = queries.insert_pending(connection, new_vouchers, at=at)
        new_vouchers = [
            replace(one, credentials=rule.generate_credentials(randomness(rule.random_bytes)))
            for one in new_vouchers
            if one.key not in stored
        ]


CHUNK = 500


@dataclass(frozen=True, slots=True)
class PoolResult:
    """So many vouchers are owed to stocks now, and so many too much in them are to end."""

    owed: int = 0
    ended: int = 0

    def __add__(self, other: "PoolResult") -> "PoolResult":
        """Both together."""
        return PoolResult(self.owed + other.owed, self.ended + other.ended)


def fill_pools(
    database: Database, *, at: datetime, by: str, randomness: Randomness = os.urandom
) -> PoolResult:
    """Bring every package's stock to its size; safe to repeat, to run twice at once, to kill."""
    with database.transaction() as connection:
        codes = [one.package.code for one in package_queries.list_all(connection)]
    done = PoolResult()
    for code in codes:
        step = PoolResult(1)
        while step != PoolResult():
            with database.transaction() as connection:
                step = _fill_pool_step(connection, code, at=at, by=by, randomness=randomness)
            done += step
    return done


def _fill_pool_step(
    connection: Connection, code: str, *, at: datetime, by: str, randomness: Randomness
) -> PoolResult:
    package = package_queries.lock_by_code(
        connection, code
    )  # two at once would each make what is missing
    if package is None:
        return PoolResult()
    size = package.made_ahead if package.on_sale else 0
    missing = size - queries.count_pool(connection, package)
    ended = _revoke_surplus(connection, package, at=at, surplus=max(-missing, 0))
    owed = _allocate_to_pool(connection, package, min(missing, CHUNK), at=at, randomness=randomness)
    if owed or ended:
        audit_log.record(
            connection, actor=by, action="vouchers.make_ahead", event_id=package.event_id,
            subject=code, items=owed, details={"ended": ended},
        )  # fmt: skip
        notify.notify_workers(connection)
    return PoolResult(owed, ended)


def _revoke_surplus(
    connection: Connection, package: StoredPackage, *, at: datetime, surplus: int
) -> int:
    """End what is for a router that the package has left, and what is too much."""
    unsold = queries.is_in_pool(package)
    ended = cleanup_queries.revoke_matching(
        connection,
        unsold,
        ~queries.is_on_package_router(package),
        reason=CLEANED_UP,
        at=at,
        limit=CHUNK,
    )
    if surplus:
        ended += cleanup_queries.revoke_matching(
            connection, unsold, queries.is_on_package_router(package), reason=CLEANED_UP, at=at,
            limit=min(surplus, CHUNK),
        )  # fmt: skip
    return ended


def _allocate_to_pool(
    connection: Connection,
    package: StoredPackage,
    number: int,
    *,
    at: datetime,
    randomness: Randomness,
) -> int:
    if number <= 0:
        return 0
    line = AllocationLine(None, package.ticket_type_id, [None] * number)
    wanted = draw_vouchers(package.router_id, package.rule, line, randomness=randomness)
    store_vouchers(connection, wanted, package.rule, at=at, randomness=randomness)
    return number
