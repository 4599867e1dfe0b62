"""Rates of voucher fulfilment: loss, delivery, manual interventions."""

from dataclasses import dataclass
from datetime import timedelta

VOUCHER_LOST_AFTER = timedelta(minutes=15)  # the longest acceptable wait of a paid buyer


@dataclass(frozen=True, slots=True)
class FulfilmentStats:
    """Counts of paid purchases: `due` vouchers, of these `lost` ones that were never delivered.

    Refunded and reversed vouchers are not due. `ready` purchases have all their vouchers; for
    `received` ones the message was accepted.
    """

    due: int
    lost: int
    ready: int
    received: int

    @property
    def loss_rate(self) -> float | None:
        """Lost vouchers divided by due ones; None if none is due."""
        return _ratio(self.lost, self.due)

    @property
    def delivery_rate(self) -> float | None:
        """Received purchases divided by ready ones; None if none is ready."""
        return _ratio(self.received, self.ready)


@dataclass(frozen=True, slots=True)
class InterventionStats:
    """Failures that were resolved, manually or by automatic retries."""

    manual: int
    automatic: int

    @property
    def manual_intervention_rate(self) -> float | None:
        """Manual resolutions divided by all; None if there were none."""
        return _ratio(self.manual, self.manual + self.automatic)


def _ratio(part: int, total: int) -> float | None:
    return round(part / total, 4) if total else None
