"""Dependencies and result of provisioning."""

import os
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import PROVISION_VOUCHERS_ACTION
from ticketing.platform.db.database import Database
from ticketing.tickets.issuing.identity import Randomness
from ticketing.vouchers.provisioning.router_clients import RouterClientPool


@dataclass(frozen=True, slots=True)
class ProvisioningContext:
    """Database, router clients, clock and randomness of provisioning."""

    database: Database
    clients: RouterClientPool
    clock: Callable[[], datetime]
    by: str
    jitter: Callable[[], float] = random.random
    randomness: Randomness = os.urandom


@dataclass(frozen=True, slots=True)
class ProvisionResult:
    """Counts of one provisioning run at a router, and the error that ended it early."""

    router: str
    placed: int = 0
    absent: int = 0  # not created, pending again
    refused: int = 0
    renamed: int = 0  # the name was taken
    removed: int = 0
    foreign: int = 0  # of the removed: the row was not ours
    completed_orders: int = 0  # orders with a new ready message
    trouble: str = ""

    @property
    def has_progress(self) -> bool:
        """Return whether another run may find more work."""
        return bool(self.placed or self.renamed or self.removed)

    def __add__(self, other: "ProvisionResult") -> "ProvisionResult":
        return ProvisionResult(
            self.router,
            self.placed + other.placed,
            self.absent + other.absent,
            self.refused + other.refused,
            self.renamed + other.renamed,
            self.removed + other.removed,
            self.foreign + other.foreign,
            self.completed_orders + other.completed_orders,
            other.trouble or self.trouble,
        )


def record_audit_entry(
    connection: Connection, result: ProvisionResult, event_id: int, *, by: str
) -> None:
    """Write the counts of an event's vouchers into the audit log."""
    counts = asdict(result)
    details = {what: count for what, count in counts.items() if what != "router" and count}
    audit_log.record(
        connection,
        actor=by,
        action=PROVISION_VOUCHERS_ACTION,
        event_id=event_id,
        subject=result.router,
        items=result.placed + result.removed,
        details=details,
    )
