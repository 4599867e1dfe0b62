"""Vouchers that are owed and did not come about: asked for again at once, by a person's word.

One that is on its router stays as it is: nobody gets a second one for the same place in an order.

Another voucher in a voucher's place, by a person's word: the old one ends, used or not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db import audit_log, notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.digest import digest
from ticketing.platform.kernel.errors import NothingOwed, PlanOutdated, Refused
from ticketing.vouchers import cleanup_queries, queries, transition_queries
from ticketing.vouchers.allocate import allocate_vouchers
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.order_queries import REISSUE_EFFECT_PREFIX
from ticketing.vouchers.queries import SoldVoucher


@dataclass(frozen=True, slots=True)
class RegenerationResult:
    """What there is of an order's vouchers: `due` are asked for from now on, `present` there."""

    order_code: str
    due: int
    present: int
    ended: int


@dataclass(frozen=True, slots=True)
class BulkRegenerationResult:
    """What became of many orders; refusals by the order's number, in words."""

    orders: list[RegenerationResult] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def regenerate(database: Database, order_id: int, *, at: datetime, by: str) -> RegenerationResult:
    """Let what is still owed be tried now, whatever the tries before. Refuses an unpaid order."""
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is not OrderState.PAID:
            raise NothingOwed(f"order {order.code} is {order.state}: no voucher before the money")
        allocate_vouchers(connection, order, at=at)
        again = cleanup_queries.requeue_order(connection, order.id, at=at)
        states = [one.state for one in queries.list_of_order(connection, order.id)]
        if not states:
            raise NothingOwed(f"order {order.code} is of no vouchers")
        if again:
            audit_log.record(
                connection, actor=by, action="vouchers.regenerate", event_id=order.event_id,
                subject=order.code, items=again,
            )  # fmt: skip
            notify.notify_workers(connection)
    return RegenerationResult(
        order.code,
        due=sum(state in {VoucherState.PENDING, VoucherState.PROVISIONING} for state in states),
        present=states.count(VoucherState.ACTIVE),
        ended=sum(state in {VoucherState.REVOKING, VoucherState.REMOVED} for state in states),
    )


def regenerate_each(
    database: Database, order_ids: Iterable[int], *, at: datetime, by: str
) -> Iterator[tuple[int, RegenerationResult | Refused]]:
    """The same for many orders, each once and by itself: one that is refused stops no other."""
    for order_id in dict.fromkeys(order_ids):
        try:
            yield order_id, regenerate(database, order_id, at=at, by=by)
        except Refused as refusal:
            yield order_id, refusal


def regenerate_all(
    database: Database, order_ids: Iterable[int], *, at: datetime, by: str
) -> BulkRegenerationResult:
    """What became of all of them together."""
    done = BulkRegenerationResult()
    for order_id, one in regenerate_each(database, order_ids, at=at, by=by):
        if isinstance(one, Refused):
            done.refused[order_id] = str(one)
        else:
            done.orders.append(one)
    return done


@dataclass(frozen=True, slots=True)
class VoucherReissuePlan:
    """What would end for another. It holds until the voucher is used for the first time."""

    key: str
    order_code: str
    number: int  # in its line
    first_used_at: datetime | None
    online: timedelta
    bytes_used: int

    @property
    def plan_hash(self) -> str:
        """One name for this voucher, used or not."""
        return digest([self.key, self.first_used_at is None])


def plan_reissue(database: Database, key: str) -> VoucherReissuePlan:
    """What another voucher in this one's place would end; refuses one that is not there."""
    with database.transaction() as connection:
        return _to_plan(*_lock_sold_voucher(connection, key))


def reissue_voucher(database: Database, key: str, *, plan_hash: str, at: datetime, by: str) -> str:
    """End the voucher and owe another for the same place; gives the new one's key.

    The buyer is told again when it is there. Refuses when the old one was used since the plan.
    """
    with database.transaction() as connection:
        order, sold = _lock_sold_voucher(connection, key)
        if _to_plan(order, sold).plan_hash != plan_hash:
            raise PlanOutdated(f"voucher {key} is in use since the plan; plan again")
        why = f"replaced: {order.code}, number {sold.number}"
        transition_queries.revoke(connection, [sold.voucher_id], reason=why, at=at)
        queries.detach_from_order(connection, sold.voucher_id)
        order_queries.claim_effect(
            connection, order.id, f"{REISSUE_EFFECT_PREFIX}{sold.voucher_id}", at=at
        )
        allocate_vouchers(connection, order, at=at)
        new = next(
            one.key
            for one in queries.list_of_order(connection, order.id)
            if (one.order_line_id, one.number) == (sold.order_line_id, sold.number)
        )
        audit_log.record(
            connection, actor=by, action="vouchers.reissue", event_id=order.event_id,
            subject=order.code, items=1, details={"old": key, "new": new},
        )  # fmt: skip
    return new


def _lock_sold_voucher(connection: Connection, key: str) -> tuple[Order, SoldVoucher]:
    """The order, locked, and its voucher as it stands from then on."""
    order_id = queries.find_order_id(connection, key)
    if order_id is None:
        raise NothingOwed(f"no order has a voucher {key!r}")
    order = order_queries.lock(connection, order_id)
    sold = queries.lock_sold_voucher(connection, key)
    if sold is None or order.state is not OrderState.PAID:
        raise NothingOwed(
            f"order {order.code}, {order.state}: only a voucher that is paid for and is on its"
            f" router can be replaced, and {key} is not"
        )
    return order, sold


def _to_plan(order: Order, sold: SoldVoucher) -> VoucherReissuePlan:
    return VoucherReissuePlan(
        sold.key, order.code, sold.number, sold.first_used_at, sold.online, sold.bytes_used
    )
