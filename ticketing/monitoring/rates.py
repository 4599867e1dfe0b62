"""Rates of voucher fulfilment: loss, delivery, manual interventions."""

from datetime import timedelta

from ticketing.monitoring.schemas_dashboard import (
    FulfilmentStatsResponse,
    InterventionStatsResponse,
)

VOUCHER_LOST_AFTER = timedelta(minutes=15)  # the longest acceptable wait of a paid buyer


def fulfilment_stats(due: int, lost: int, ready: int, received: int) -> FulfilmentStatsResponse:
    """Return counts of paid purchases: `due` vouchers, of these `lost` ones, and their rates.

    Refunded and reversed vouchers are not due. `ready` purchases have all their vouchers; for
    `received` ones the message was accepted.
    """
    return FulfilmentStatsResponse(
        due_vouchers=due,
        lost_vouchers=lost,
        voucher_loss_rate=_ratio(lost, due),
        ready_purchases=ready,
        received_purchases=received,
        delivery_rate=_ratio(received, ready),
    )


def intervention_stats(manual: int, automatic: int) -> InterventionStatsResponse:
    """Return the failures that were resolved manually or by automatic retries, and their rate."""
    level = _ratio(manual, manual + automatic)
    return InterventionStatsResponse(by_person=manual, by_itself=automatic, level=level)


def _ratio(part: int, total: int) -> float | None:
    return round(part / total, 4) if total else None
