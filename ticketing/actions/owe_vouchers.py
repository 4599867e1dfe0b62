"""Vouchers for a paid order: out of stock or owed, with a row each before a router hears of it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.domain.base32 import base32
from ticketing.domain.orders import Order
from ticketing.domain.voucher_codes import CodeRule
from ticketing.signing.mint import Randomness
from ticketing.store import bell, packages, voucher_stock, vouchers, whole_orders
from ticketing.store.vouchers import NewVoucher, OwedLine

KEY_BYTES = 10


def owe_vouchers(
    connection: Connection, order: Order, *, at: datetime, randomness: Randomness = os.urandom
) -> int:
    """Give the order what its packages promise; gives how many. Once: the caller sees to it.

    What was made ahead is the buyer's at once, whether the router can be reached or not.
    """
    lines = vouchers.lines_owed(connection, order.id)
    if not lines:
        return 0
    brought = packages.of_types(connection, [line.ticket_type_id for line in lines])
    for line in lines:
        package = brought[line.ticket_type_id]
        ready = voucher_stock.sell(connection, package, line, at=at)
        rest = replace(line, numbers=line.numbers[ready:])
        wanted = drawn(package.router_id, package.rule, rest, randomness=randomness)
        add(connection, wanted, package.rule, at=at, randomness=randomness)
    whole_orders.tell(connection, [order.id])
    bell.ring(connection)
    return sum(len(line.numbers) for line in lines)


def drawn(
    router_id: int, rule: CodeRule, line: OwedLine, *, randomness: Randomness
) -> list[NewVoucher]:
    """A voucher for every number of a line; for a line of nobody's, made ahead."""
    return [
        NewVoucher(
            key=f"V{base32(randomness(KEY_BYTES))}",
            ticket_type_id=line.ticket_type_id,
            router_id=router_id,
            credentials=rule.credentials(randomness(rule.random_bytes)),
            order_line_id=line.id,
            number=number,
        )
        for number in line.numbers
    ]


def add(
    connection: Connection,
    wanted: Sequence[NewVoucher],
    rule: CodeRule,
    *,
    at: datetime,
    randomness: Randomness,
) -> None:
    """Store them; one whose code was somebody's before gets another."""
    while wanted:
        stored = vouchers.owe(connection, wanted, at=at)
        wanted = [
            replace(one, credentials=rule.credentials(randomness(rule.random_bytes)))
            for one in wanted
            if one.key not in stored
        ]
