"""Another voucher in a voucher's place, by a person's word: the old one ends, used or not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.actions.owe_vouchers import owe_vouchers
from ticketing.domain.errors import NothingOwed, PlanOutdated
from ticketing.domain.orders import Order, OrderState
from ticketing.domain.refund_plans import digest
from ticketing.store import audit, orders, voucher_endings, voucher_places, vouchers
from ticketing.store.database import Database
from ticketing.store.voucher_places import Sold
from ticketing.store.whole_orders import REISSUED


@dataclass(frozen=True, slots=True)
class Reissue:
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


def plan_reissue(database: Database, key: str) -> Reissue:
    """What another voucher in this one's place would end; refuses one that is not there."""
    with database.transaction() as connection:
        return _planned(*_found(connection, key))


def reissue_voucher(database: Database, key: str, *, plan_hash: str, at: datetime, by: str) -> str:
    """End the voucher and owe another for the same place; gives the new one's key.

    The buyer is told again when it is there. Refuses when the old one was used since the plan.
    """
    with database.transaction() as connection:
        order, sold = _found(connection, key)
        if _planned(order, sold).plan_hash != plan_hash:
            raise PlanOutdated(f"voucher {key} is in use since the plan; plan again")
        why = f"replaced: {order.code}, number {sold.number}"
        voucher_endings.end(connection, [sold.voucher_id], why=why, at=at)
        voucher_places.leave(connection, sold.voucher_id)
        orders.first_time(connection, order.id, f"{REISSUED}{sold.voucher_id}", at=at)
        owe_vouchers(connection, order, at=at)
        new = next(
            one.key
            for one in vouchers.of_order(connection, order.id)
            if (one.order_line_id, one.number) == (sold.order_line_id, sold.number)
        )
        audit.record(
            connection, actor=by, action="vouchers.reissue", event_id=order.event_id,
            subject=order.code, items=1, details={"old": key, "new": new},
        )  # fmt: skip
    return new


def _found(connection: Connection, key: str) -> tuple[Order, Sold]:
    """The order, locked, and its voucher as it stands from then on."""
    order_id = voucher_places.order_of(connection, key)
    if order_id is None:
        raise NothingOwed(f"no order has a voucher {key!r}")
    order = orders.lock(connection, order_id)
    sold = voucher_places.sold(connection, key)
    if sold is None or order.state is not OrderState.PAID:
        raise NothingOwed(
            f"order {order.code}, {order.state}: only a voucher that is paid for and is on its"
            f" router can be replaced, and {key} is not"
        )
    return order, sold


def _planned(order: Order, sold: Sold) -> Reissue:
    return Reissue(
        sold.key, order.code, sold.number, sold.first_used_at, sold.online, sold.bytes_used
    )
