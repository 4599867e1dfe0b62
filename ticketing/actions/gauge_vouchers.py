"""Vouchers, routers and messages in a few numbers, for whoever scrapes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ticketing.domain.deliveries import Channel, DeliveryState
from ticketing.domain.voucher_rates import LOST_AFTER
from ticketing.domain.vouchers import PurchaseState, VoucherState
from ticketing.store import voucher_counts, voucher_figures
from ticketing.store.database import Database
from ticketing.store.sales_reports import Span

LOSSES_OF = timedelta(days=7)
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Gauges:
    """How things stand; every state is named, also those of nothing."""

    vouchers: Mapping[VoucherState, int] = field(default_factory=dict)
    purchases: Mapping[PurchaseState, int] = field(default_factory=dict)
    deliveries: Mapping[tuple[Channel, DeliveryState], int] = field(default_factory=dict)
    routers: Mapping[str, bool] = field(default_factory=dict)
    loss_rate: float | None = None  # of the last days; None while nothing is due
    oldest_waiting: datetime | None = None


def gauges(database: Database, *, at: datetime) -> Gauges:
    """All of them, as of one moment."""
    with database.transaction() as connection:
        placed = voucher_figures.by_state(connection, None, Span(_BEFORE_ALL, at))
        found = voucher_figures.handover(
            connection, None, Span(at - LOSSES_OF, at), due_before=at - LOST_AFTER
        )
        return Gauges(
            vouchers=dict.fromkeys(VoucherState, 0) | voucher_counts.vouchers_by_state(connection),
            purchases=dict.fromkeys(PurchaseState, 0)
            | {one.state: one.purchases for one in placed},
            deliveries={(channel, state): 0 for channel in Channel for state in DeliveryState}
            | voucher_counts.deliveries_by_state(connection),
            routers=voucher_counts.routers_up(connection),
            loss_rate=found.loss_rate,
            oldest_waiting=voucher_counts.oldest_waiting(connection),
        )
