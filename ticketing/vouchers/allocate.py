"""Allocation of vouchers to paid orders, and the pools of vouchers created before they are sold.

A pool keeps a package on sale during an outage of its router: buyers get their codes at once.
Every voucher has a row before its router is called.
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
from ticketing.tickets.issuing.identity import Randomness
from ticketing.vouchers import cleanup_queries, order_queries, package_queries, queries
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.queries import AllocationLine, NewVoucher
from ticketing.vouchers.transition_queries import CLEANED_UP

KEY_BYTES = 10


def allocate_vouchers(
    connection: Connection, order: Order, *, at: datetime, randomness: Randomness = os.urandom
) -> int:
    """Allocate the vouchers of an order and return their number.

    Pooled vouchers come first and need no router. The caller makes sure that this runs once per
    order line.
    """
    lines = queries.list_unallocated_lines(connection, order.id)
    if not lines:
        return 0
    packages_by_type = package_queries.find_by_ticket_types(
        connection, [line.ticket_type_id for line in lines]
    )
    for line in lines:
        package = packages_by_type[line.ticket_type_id]
        assigned = queries.assign_from_pool(connection, package, line, at=at)
        remaining = replace(line, numbers=line.numbers[assigned:])
        new_vouchers = draw_vouchers(
            package.router_id, package.rule, remaining, randomness=randomness
        )
        store_vouchers(connection, new_vouchers, package.rule, at=at, randomness=randomness)
    order_queries.enqueue_ready_notices(connection, [order.id])
    notify.notify_workers(connection)
    return sum(len(line.numbers) for line in lines)


def draw_vouchers(
    router_id: int, rule: CodeRule, line: AllocationLine, *, randomness: Randomness
) -> list[NewVoucher]:
    """Return a new voucher with random credentials for every number of the line.

    For a pool the line has no id and its numbers are None.
    """
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
    """Insert the vouchers as pending; draw new credentials for any code that is already in use."""
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
    """Number of vouchers allocated to pools and of surplus vouchers revoked."""

    allocated: int = 0
    revoked: int = 0

    def __add__(self, other: "PoolResult") -> "PoolResult":
        return PoolResult(self.allocated + other.allocated, self.revoked + other.revoked)


def fill_pools(
    database: Database, *, at: datetime, by: str, randomness: Randomness = os.urandom
) -> PoolResult:
    """Fill or shrink every pool to its size. Safe to repeat, run concurrently and interrupt."""
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
    # locked, because two concurrent runs would each allocate the missing vouchers
    package = package_queries.lock_by_code(connection, code)
    if package is None:
        return PoolResult()
    size = package.pool_size if package.on_sale else 0
    missing = size - queries.count_pool(connection, package)
    revoked = _revoke_surplus(connection, package, at=at, surplus=max(-missing, 0))
    allocated = _allocate_to_pool(
        connection, package, min(missing, CHUNK), at=at, randomness=randomness
    )
    if allocated or revoked:
        audit_log.record(
            connection, actor=by, action="vouchers.fill_pool", event_id=package.event_id,
            subject=code, items=allocated, details={"revoked": revoked},
        )  # fmt: skip
        notify.notify_workers(connection)
    return PoolResult(allocated, revoked)


def _revoke_surplus(
    connection: Connection, package: StoredPackage, *, at: datetime, surplus: int
) -> int:
    """Revoke pooled vouchers on a former router of the package, then any surplus."""
    unsold = queries.is_in_pool(package)
    revoked = cleanup_queries.revoke_matching(
        connection,
        unsold,
        ~queries.is_on_package_router(package),
        reason=CLEANED_UP,
        at=at,
        limit=CHUNK,
    )
    if surplus:
        revoked += cleanup_queries.revoke_matching(
            connection, unsold, queries.is_on_package_router(package), reason=CLEANED_UP, at=at,
            limit=min(surplus, CHUNK),
        )  # fmt: skip
    return revoked


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
    new_vouchers = draw_vouchers(package.router_id, package.rule, line, randomness=randomness)
    store_vouchers(connection, new_vouchers, package.rule, at=at, randomness=randomness)
    return number
