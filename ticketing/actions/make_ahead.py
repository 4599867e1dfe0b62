"""Vouchers made ahead: a package's stock on its router, so that a sale outlives an outage.

What is sold from it has its codes at once. What nobody bought ends with the package's terms.
"""

import os
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.owe_vouchers import add, drawn
from ticketing.signing.mint import Randomness
from ticketing.store import audit, bell, packages, voucher_life, voucher_stock
from ticketing.store.database import Database
from ticketing.store.packages import StoredPackage
from ticketing.store.voucher_endings import CLEANED_UP
from ticketing.store.vouchers import OwedLine

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Stocked:
    """So many vouchers are owed to stocks now, and so many too much in them are to end."""

    owed: int = 0
    ended: int = 0

    def __add__(self, other: "Stocked") -> "Stocked":
        """Both together."""
        return Stocked(self.owed + other.owed, self.ended + other.ended)


def make_ahead(
    database: Database, *, at: datetime, by: str, randomness: Randomness = os.urandom
) -> Stocked:
    """Bring every package's stock to its size; safe to repeat, to run twice at once, to kill."""
    with database.transaction() as connection:
        codes = [one.package.code for one in packages.everything(connection)]
    done = Stocked()
    for code in codes:
        step = Stocked(1)
        while step != Stocked():
            with database.transaction() as connection:
                step = _one_step(connection, code, at=at, by=by, randomness=randomness)
            done += step
    return done


def _one_step(
    connection: Connection, code: str, *, at: datetime, by: str, randomness: Randomness
) -> Stocked:
    package = packages.lock(connection, code)  # two at once would each make what is missing
    if package is None:
        return Stocked()
    size = package.made_ahead if package.on_sale else 0
    missing = size - voucher_stock.count(connection, package)
    ended = _end(connection, package, at=at, too_many=max(-missing, 0))
    owed = _owe(connection, package, min(missing, CHUNK), at=at, randomness=randomness)
    if owed or ended:
        audit.record(
            connection, actor=by, action="vouchers.make_ahead", event_id=package.event_id,
            subject=code, items=owed, details={"ended": ended},
        )  # fmt: skip
        bell.ring(connection)
    return Stocked(owed, ended)


def _end(connection: Connection, package: StoredPackage, *, at: datetime, too_many: int) -> int:
    """End what is for a router that the package has left, and what is too much."""
    unsold = voucher_stock.unsold(package)
    ended = voucher_life.end(
        connection, unsold, ~voucher_stock.at_home(package), why=CLEANED_UP, at=at, limit=CHUNK
    )
    if too_many:
        ended += voucher_life.end(
            connection, unsold, voucher_stock.at_home(package), why=CLEANED_UP, at=at,
            limit=min(too_many, CHUNK),
        )  # fmt: skip
    return ended


def _owe(
    connection: Connection,
    package: StoredPackage,
    number: int,
    *,
    at: datetime,
    randomness: Randomness,
) -> int:
    if number <= 0:
        return 0
    line = OwedLine(None, package.ticket_type_id, [None] * number)
    wanted = drawn(package.router_id, package.rule, line, randomness=randomness)
    add(connection, wanted, package.rule, at=at, randomness=randomness)
    return number
