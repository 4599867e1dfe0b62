"""A router against our books, both ways; and the repair of what it lost and what it has too much.

The router is read between two looks at the books: what moves meanwhile is no difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.digest import digest
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.routers import queries as router_queries
from ticketing.routers.model import Marker
from ticketing.routers.queries import StoredRouter
from ticketing.routers.routeros.client import RemovalResult
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.provisioning import router_state_queries
from ticketing.vouchers.provisioning.drift import ChangedVoucher, compare
from ticketing.vouchers.provisioning.poll_usage import Clock
from ticketing.vouchers.provisioning.router_calls import ROUTER_ERRORS
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.provisioning.router_state_queries import KnownVoucher

CHUNK = 100


@dataclass(frozen=True, slots=True)
class RouterDrift:
    """Where a router and our books differ; with an `error` it could not be asked.

    Only `missing` and `orphans` can be repaired from here; the rest is a person's to judge.
    """

    router: str
    agreed: int = 0
    missing: tuple[str, ...] = ()  # on the router by our books, and not there
    orphans: tuple[Marker, ...] = ()  # with our marker, and unknown to us or long taken off
    changed: tuple[ChangedVoucher, ...] = ()
    elsewhere: tuple[str, ...] = ()  # ours, and at home on another router
    foreign: int = 0
    error: str = ""

    @property
    def is_in_sync(self) -> bool:
        """Whether the router is as our books say."""
        differs = self.missing or self.orphans or self.changed or self.elsewhere
        return not (differs or self.error)

    @property
    def plan_hash(self) -> str:
        """One name for exactly what a repair would do."""
        return digest([self.router, sorted(self.missing), sorted(map(str, self.orphans))])


@dataclass(frozen=True, slots=True)
class RepairResult:
    """What a repair did: so many are owed again, so many rows are taken off."""

    owed_again: int
    removed: int


def compare_router(
    database: Database, clients: RouterClientPool, stored: StoredRouter, *, clock: Clock
) -> RouterDrift:
    """Read the whole router and say where it differs. Changes nothing on either side."""
    began = clock()
    with database.transaction() as connection:
        expected = router_state_queries.list_expected(connection, stored.id, at=began)
    found = compare(expected, clients.client_for(stored).users(), clients.installation_id)
    unexpected = {marker.key: marker for marker in found.unexpected}
    with database.transaction() as connection:
        keys = [*found.missing, *(one.key for one in found.changed), *unexpected]
        known = router_state_queries.find_known(connection, keys)
    still = {key for key, one in known.items() if one.state is VoucherState.ACTIVE}
    strays = {key: known.get(key) for key in unexpected}
    return RouterDrift(
        router=stored.name,
        agreed=found.agreed,
        missing=tuple(key for key in found.missing if key in still),
        orphans=tuple(unexpected[k] for k, one in strays.items() if _is_orphan(one, began)),
        changed=tuple(one for one in found.changed if one.key in still),
        elsewhere=tuple(k for k, one in strays.items() if _is_on_other_router(one, stored)),
        foreign=found.foreign,
    )


def compare_routers(
    database: Database, clients: RouterClientPool, *, clock: Clock
) -> list[RouterDrift]:
    """The same for every router; one that cannot be asked stops no other."""
    with database.transaction() as connection:
        known = router_queries.list_all(connection)
    drifts = []
    for stored in known:
        try:
            drifts.append(compare_router(database, clients, stored, clock=clock))
        except ROUTER_ERRORS as error:
            drifts.append(RouterDrift(stored.name, error=str(error)))
    return drifts


def repair_router(
    database: Database,
    clients: RouterClientPool,
    stored: StoredRouter,
    *,
    plan_hash: str,
    clock: Clock,
    by: str,
) -> RepairResult:
    """Owe again what the router lost, and take off what has our marker and is nobody's.

    Refuses when the router or the books are not as they were planned on. Killed anywhere, what is
    left is found by the next comparison.
    """
    drift = compare_router(database, clients, stored, clock=clock)
    if drift.plan_hash != plan_hash:
        raise PlanOutdated(
            f"router {stored.name} has changed since the plan: now {len(drift.missing):,} are"
            f" missing and {len(drift.orphans):,} too many; plan again"
        )
    return RepairResult(
        owed_again=_requeue_missing(database, stored, drift.missing, at=clock(), by=by),
        removed=_remove_orphans(database, clients, stored, drift.orphans, by=by),
    )


def _is_orphan(known: KnownVoucher | None, started_at: datetime) -> bool:
    """Nobody's; one that was taken off while the router was read was still there then."""
    if known is None:
        return True
    return known.gone_at is not None and known.gone_at <= started_at


def _is_on_other_router(known: KnownVoucher | None, router: StoredRouter) -> bool:
    return (
        known is not None
        and known.router_id != router.id
        and known.state is not VoucherState.REMOVED
    )


def _requeue_missing(
    database: Database, stored: StoredRouter, keys: Sequence[str], *, at: datetime, by: str
) -> int:
    done = 0
    for begins in range(0, len(keys), CHUNK):
        with database.transaction() as connection:
            owed = router_state_queries.requeue_lost(
                connection, keys[begins : begins + CHUNK], at=at
            )
            audit_log.record(
                connection, actor=by, action="vouchers.owe_again", subject=stored.name, items=owed
            )
        done += owed
    return done


def _remove_orphans(
    database: Database,
    clients: RouterClientPool,
    stored: StoredRouter,
    markers: Sequence[Marker],
    *,
    by: str,
) -> int:
    done = 0
    for begins in range(0, len(markers), CHUNK):
        taken_off = clients.client_for(stored).remove(markers[begins : begins + CHUNK])
        removed = sum(each is RemovalResult.REMOVED for each in taken_off.values())
        with database.transaction() as connection:
            audit_log.record(
                connection, actor=by, action="vouchers.remove_orphans", subject=stored.name,
                items=removed, details={"keys": [marker.key for marker in taken_off]},
            )  # fmt: skip
        done += removed
    return done
