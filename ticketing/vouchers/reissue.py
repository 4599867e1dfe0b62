"""Manual repairs: regenerate the missing vouchers of an order, and reissue a voucher.

Regenerating never replaces an active voucher. Reissuing revokes a voucher, used or not, and
allocates another one for the same place in the order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db import audit_log, notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, require_unchanged
from ticketing.platform.kernel.errors import NothingOwed, Refused
from ticketing.vouchers import cleanup_queries, queries, transition_queries
from ticketing.vouchers.allocate import allocate_vouchers
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.order_queries import REISSUE_EFFECT_PREFIX
from ticketing.vouchers.queries import SoldVoucher


@dataclass(frozen=True, slots=True)
class RegenerationResult:
    """An order's vouchers by state: `due` are pending or provisioning, `present` are active."""

    order_code: str
    due: int
    present: int
    ended: int


@dataclass(frozen=True, slots=True)
class BulkRegenerationResult:
    """Results of many orders; `refused` maps order ids to error messages."""

    orders: list[RegenerationResult] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def regenerate(database: Database, order_id: int, *, at: datetime, by: str) -> RegenerationResult:
    """Allocate missing vouchers and make pending ones due now, whatever the attempts before.

    Raise NothingOwed if the order is unpaid or contains no vouchers.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is not OrderState.PAID:
            raise NothingOwed(f"order {order.code} is {order.state}: vouchers require a paid order")
        allocate_vouchers(connection, order, at=at)
        requeued = cleanup_queries.requeue_order(connection, order.id, at=at)
        states = [one.state for one in queries.list_of_order(connection, order.id)]
        if not states:
            raise NothingOwed(f"order {order.code} contains no vouchers")
        if requeued:
            audit_log.record(
                connection, actor=by, action="vouchers.regenerate", event_id=order.event_id,
                subject=order.code, items=requeued,
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
    """Regenerate each order once, in its own transaction; a refusal does not stop the others."""
    for order_id in dict.fromkeys(order_ids):
        try:
            yield order_id, regenerate(database, order_id, at=at, by=by)
        except Refused as refusal:
            yield order_id, refusal


def regenerate_all(
    database: Database, order_ids: Iterable[int], *, at: datetime, by: str
) -> BulkRegenerationResult:
    """Regenerate all orders and collect the results."""
    done = BulkRegenerationResult()
    for order_id, one in regenerate_each(database, order_ids, at=at, by=by):
        if isinstance(one, Refused):
            done.refused[order_id] = str(one)
        else:
            done.orders.append(one)
    return done


@dataclass(frozen=True, slots=True)
class VoucherReissuePlan:
    """The voucher that a reissue would revoke; valid until the voucher's first use."""

    key: str
    order_code: str
    number: int  # in its line
    first_used_at: datetime | None
    online: timedelta
    bytes_used: int

    @property
    def plan_hash(self) -> str:
        """Hash of the voucher's key and whether it is used."""
        return digest([self.key, self.first_used_at is None])


def plan_reissue(database: Database, key: str) -> VoucherReissuePlan:
    """Return the plan of a reissue; raise NothingOwed if the voucher is not active and paid."""
    with database.transaction() as connection:
        return _to_plan(*_lock_sold_voucher(connection, key))


def reissue_voucher(database: Database, key: str, *, plan_hash: str, at: datetime, by: str) -> str:
    """Revoke the voucher and allocate another for the same place; return the new key.

    The buyer gets a message when the new one is active. Raise PlanOutdated if the old one was used
    since the plan.
    """
    with database.transaction() as connection:
        order, sold = _lock_sold_voucher(connection, key)
        require_unchanged(
            _to_plan(order, sold), plan_hash, subject=f"voucher {key}", effect="it is in use"
        )
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
    """Return the order and its voucher, both locked."""
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
