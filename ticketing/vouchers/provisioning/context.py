"""What vouchers are put on routers with, and what comes of a round at one."""

import os
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import PROVISION_VOUCHERS_ACTION
from ticketing.platform.db.database import Database
from ticketing.tickets.identity import Randomness
from ticketing.vouchers.provisioning.router_clients import RouterClientPool


@dataclass(frozen=True, slots=True)
class ProvisioningContext:
    """What vouchers are put on routers with; time and chance among it."""

    database: Database
    clients: RouterClientPool
    clock: Callable[[], datetime]
    by: str
    jitter: Callable[[], float] = random.random
    randomness: Randomness = os.urandom


@dataclass(frozen=True, slots=True)
class ProvisionResult:
    """What came of a round at a router. `trouble` is why it ended early, else empty."""

    router: str
    placed: int = 0
    absent: int = 0  # asked for in vain, and owed as before
    refused: int = 0
    renamed: int = 0  # the name was somebody else's
    removed: int = 0
    foreign: int = 0  # of those: a row that is not ours has the name
    told: int = 0  # orders that are whole now
    trouble: str = ""

    @property
    def has_progress(self) -> bool:
        """Whether another round may find more to do."""
        return bool(self.placed or self.renamed or self.removed)

    def __add__(self, other: "ProvisionResult") -> "ProvisionResult":
        """Both together."""
        return ProvisionResult(
            self.router,
            self.placed + other.placed,
            self.absent + other.absent,
            self.refused + other.refused,
            self.renamed + other.renamed,
            self.removed + other.removed,
            self.foreign + other.foreign,
            self.told + other.told,
            other.trouble or self.trouble,
        )


def record_audit_entry(connection: Connection, result: ProvisionResult, *, by: str) -> None:
    """A line in the audit log, which also names who moved the vouchers."""
    counts = asdict(result)
    details = {what: count for what, count in counts.items() if what != "router" and count}
    audit_log.record(
        connection,
        actor=by,
        action=PROVISION_VOUCHERS_ACTION,
        subject=result.router,
        items=result.placed + result.removed,
        details=details,
    )
