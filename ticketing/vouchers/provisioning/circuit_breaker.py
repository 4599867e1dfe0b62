"""Routers that fail, or refuse what was sold: how long they rest, and that a person is told.

One line of the incidents for as long as it lasts, whose digest goes to the organiser once.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning import router_health_queries
from ticketing.vouchers.provisioning.retry_policy import ROUTER_RETRIES
from ticketing.vouchers.provisioning.router_health_queries import FailedVoucherCounts


def record_success(connection: Connection, router: StoredRouter, *, at: datetime) -> None:
    """All went well at the router: what waited for it goes on."""
    router_health_queries.close_circuit(connection, router.id, at=at)
    if router.failures:
        incidents.resolve(connection, _router_incident_key(router), at=at)


def record_failure(
    connection: Connection, router: StoredRouter, *, reason: str, at: datetime, jitter: float
) -> None:
    """The router rests; when it was tried often enough, those who wait for it are given up on."""
    failures = router_health_queries.lock_failure_count(connection, router.id) + 1
    since = router_health_queries.open_circuit(
        connection,
        router.id,
        failures=failures,
        reason=reason,
        open_until=ROUTER_RETRIES.next_attempt_at(failures, at=at, jitter=jitter),
        at=at,
    )
    if not ROUTER_RETRIES.is_exhausted(failures):
        return
    waiting = router_health_queries.mark_vouchers_failed(connection, router.id, at=at)
    if waiting.voucher_count:
        told = (
            f"{reason}; so it is since {since:%Y-%m-%d %H:%M} UTC. {_format_backlog(waiting)}"
            " for it; all goes on"
            " by itself when it answers"
        )
        incidents.record_occurrence(
            connection, Occurrence(_router_incident_key(router), IncidentKind.ROUTER, told, at)
        )


def open_package_incident(
    connection: Connection, package: StoredPackage, *, reason: str, at: datetime
) -> None:
    """The router will not have vouchers of a package, whose buyers were given up on."""
    waiting = router_health_queries.count_failed_of_package(connection, package.ticket_type_id)
    if waiting.voucher_count:
        told = (
            f"package {package.package.code}: {reason}. {_format_backlog(waiting)};"
            " they are tried again every"
            " ten minutes, or by `ticketing vouchers regenerate --failed`"
        )
        seen = Occurrence(_package_incident_key(package), IncidentKind.ROUTER, told, at)
        incidents.record_occurrence(connection, seen)


def resolve_package_incident(
    connection: Connection, package: StoredPackage, *, at: datetime
) -> None:
    """Vouchers of the package are made again."""
    incidents.resolve(connection, _package_incident_key(package), at=at)


def _router_incident_key(router: StoredRouter) -> str:
    return f"router:{router.name}"


def _package_incident_key(package: StoredPackage) -> str:
    return f"package:{package.package.code}"


def _format_backlog(counts: FailedVoucherCounts) -> str:
    return f"{counts.voucher_count:,} vouchers of {counts.order_count:,} orders wait"
