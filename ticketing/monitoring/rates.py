"""How well vouchers are provided: what is lost, what is delivered, how often a person is needed."""

from dataclasses import dataclass
from datetime import timedelta

VOUCHER_LOST_AFTER = timedelta(
    minutes=15
)  # a buyer who has paid is not to wait longer for the codes


@dataclass(frozen=True, slots=True)
class FulfilmentStats:
    """Vouchers of paid purchases: `due` long enough ago, and `lost`, never handed over, of these.

    What was paid back or reversed is not due. `ready` purchases have all their vouchers; their
    buyers `received` the message.
    """

    due: int
    lost: int
    ready: int
    received: int

    @property
    def loss_rate(self) -> float | None:
        """The part of what is due that is lost; None when nothing is due."""
        return _ratio(self.lost, self.due)

    @property
    def delivery_rate(self) -> float | None:
        """The part of the ready purchases whose buyers have the message; None when none is."""
        return _ratio(self.received, self.ready)


@dataclass(frozen=True, slots=True)
class InterventionStats:
    """Troubles that were overcome: by a person's deed, or by trying again without one."""

    manual: int
    automatic: int

    @property
    def manual_intervention_rate(self) -> float | None:
        """The part that took a person; None when there was no trouble."""
        return _ratio(self.manual, self.manual + self.automatic)


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
