"""Reconciliation of a router with the database, and the repair of missing and orphaned rows.

The database is read before and after the router, so that changes in between are not reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.backup import restore_queries
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, require_unchanged
from ticketing.platform.kernel.errors import Conflict
from ticketing.platform.kernel.wall_clock import format_clock
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
    """Differences between a router and the database; `error` is set if the router did not answer.

    Only `missing` and `orphans` can be repaired; the other differences need a decision by staff.
    """

    router: str
    agreed: int = 0
    missing: tuple[str, ...] = ()  # active in the database, absent on the router
    orphans: tuple[Marker, ...] = ()  # with our marker, but unknown or removed in the database
    changed: tuple[ChangedVoucher, ...] = ()
    on_other_router: tuple[str, ...] = ()  # ours, but assigned to another router
    foreign: int = 0
    error: str = ""

    @property
    def is_in_sync(self) -> bool:
        """Return whether the router matches the database."""
        differs = self.missing or self.orphans or self.changed or self.on_other_router
        return not (differs or self.error)

    @property
    def plan_hash(self) -> str:
        """Hash of exactly the changes that a repair would make."""
        return digest([self.router, sorted(self.missing), sorted(map(str, self.orphans))])


@dataclass(frozen=True, slots=True)
class RepairResult:
    """Number of vouchers set back to pending and of rows removed from the router."""

    requeued: int
    removed: int


def compare_router(
    database: Database, clients: RouterClientPool, stored: StoredRouter, *, clock: Clock
) -> RouterDrift:
    """Read the whole router and return its differences. Changes nothing."""
    started_at = clock()
    with database.transaction() as connection:
        expected = router_state_queries.list_expected(connection, stored.id, at=started_at)
    found = compare(expected, clients.client_for(stored).users(), clients.installation_id)
    unexpected = {marker.key: marker for marker in found.unexpected}
    with database.transaction() as connection:
        keys = [*found.missing, *(one.key for one in found.changed), *unexpected]
        known = router_state_queries.find_known(connection, keys)
    still_active = {key for key, one in known.items() if one.state is VoucherState.ACTIVE}
    unexpected_vouchers = {key: known.get(key) for key in unexpected}
    return RouterDrift(
        router=stored.name,
        agreed=found.agreed,
        missing=tuple(key for key in found.missing if key in still_active),
        orphans=tuple(
            unexpected[k] for k, one in unexpected_vouchers.items() if _is_orphan(one, started_at)
        ),
        changed=tuple(one for one in found.changed if one.key in still_active),
        on_other_router=tuple(
            k for k, one in unexpected_vouchers.items() if _is_on_other_router(one, stored)
        ),
        foreign=found.foreign,
    )


def compare_routers(
    database: Database, clients: RouterClientPool, *, clock: Clock
) -> list[RouterDrift]:
    """Compare every router; one that does not answer does not stop the others."""
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
    """Set lost vouchers back to pending and remove orphaned rows with our marker.

    Raise PlanOutdated if the differences are not those of the plan, and Conflict while staff have
    to decide after a restore. After an interruption, the next comparison finds the rest.
    """
    _refuse_after_restore(database)
    drift = compare_router(database, clients, stored, clock=clock)
    effect = f"{len(drift.missing):,} are missing and {len(drift.orphans):,} too many"
    require_unchanged(drift, plan_hash, subject=f"router {stored.name}", effect=effect)
    return RepairResult(
        requeued=_requeue_missing(database, stored, drift.missing, at=clock(), by=by),
        removed=_remove_orphans(database, clients, stored, drift.orphans, by=by),
    )


def _refuse_after_restore(database: Database) -> None:
    """Raise Conflict after a restore: an unknown row may be a voucher sold after the backup."""
    restore = database.run(restore_queries.find_unfinished)
    if restore is not None:
        raise Conflict(
            f"the database was restored from a backup of {format_clock(restore.backup_taken_at)}:"
            " rows that it does not know may be vouchers that were paid after it, and missing ones"
            " may have been refunded. Look at `ticketing restore --status`, then"
            " `ticketing restore --finish`"
        )


def _is_orphan(known: KnownVoucher | None, started_at: datetime) -> bool:
    """Return whether a row has no live voucher: unknown, or removed before the router was read."""
    if known is None:
        return True
    return known.removed_at is not None and known.removed_at <= started_at


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
            requeued = router_state_queries.requeue_lost(
                connection, keys[begins : begins + CHUNK], at=at
            )
            audit_log.record(
                connection,
                actor=by,
                action="vouchers.provision_again",
                subject=stored.name,
                items=requeued,
            )
        done += requeued
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
