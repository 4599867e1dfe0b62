"""Vouchers that are owed and did not come about: asked for again at once, by a person's word.

One that is on its router stays as it is: nobody gets a second one for the same place in an order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ticketing.actions.owe_vouchers import owe_vouchers
from ticketing.domain.errors import NothingOwed, Refused
from ticketing.domain.orders import OrderState
from ticketing.domain.vouchers import VoucherState
from ticketing.store import audit, bell, orders, voucher_life, vouchers
from ticketing.store.database import Database


@dataclass(frozen=True, slots=True)
class Regenerated:
    """What there is of an order's vouchers: `due` are asked for from now on, `present` there."""

    order_code: str
    due: int
    present: int
    ended: int


@dataclass(frozen=True, slots=True)
class AllRegenerated:
    """What became of many orders; refusals by the order's number, in words."""

    orders: list[Regenerated] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def regenerate(database: Database, order_id: int, *, at: datetime, by: str) -> Regenerated:
    """Let what is still owed be tried now, whatever the tries before. Refuses an unpaid order."""
    with database.transaction() as connection:
        order = orders.lock(connection, order_id)
        if order.state is not OrderState.PAID:
            raise NothingOwed(f"order {order.code} is {order.state}: no voucher before the money")
        owe_vouchers(connection, order, at=at)
        again = voucher_life.ask_again(connection, order.id, at=at)
        states = [one.state for one in vouchers.of_order(connection, order.id)]
        if not states:
            raise NothingOwed(f"order {order.code} is of no vouchers")
        if again:
            audit.record(
                connection, actor=by, action="vouchers.regenerate", event_id=order.event_id,
                subject=order.code, items=again,
            )  # fmt: skip
            bell.ring(connection)
    return Regenerated(
        order.code,
        due=sum(state in {VoucherState.OWED, VoucherState.ASKED} for state in states),
        present=states.count(VoucherState.PRESENT),
        ended=sum(state in {VoucherState.ENDING, VoucherState.GONE} for state in states),
    )


def regenerate_each(
    database: Database, order_ids: Iterable[int], *, at: datetime, by: str
) -> Iterator[tuple[int, Regenerated | Refused]]:
    """The same for many orders, each once and by itself: one that is refused stops no other."""
    for order_id in dict.fromkeys(order_ids):
        try:
            yield order_id, regenerate(database, order_id, at=at, by=by)
        except Refused as refusal:
            yield order_id, refusal


def regenerate_all(
    database: Database, order_ids: Iterable[int], *, at: datetime, by: str
) -> AllRegenerated:
    """What became of all of them together."""
    done = AllRegenerated()
    for order_id, one in regenerate_each(database, order_ids, at=at, by=by):
        if isinstance(one, Refused):
            done.refused[order_id] = str(one)
        else:
            done.orders.append(one)
    return done
