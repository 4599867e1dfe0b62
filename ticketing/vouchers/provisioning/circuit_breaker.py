"""Circuit breaker of routers, and the incidents for failing routers and refused packages.

A cause has one open incident, whose digest is sent to the organiser once.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning import router_health_queries
from ticketing.vouchers.provisioning.retry_policy import ROUTER_RETRIES

# two polls: a router that fails so long is an incident, also while no voucher waits for it
DOWN_AFTER = timedelta(minutes=4)


def record_success(connection: Connection, router: StoredRouter, *, at: datetime) -> None:
    """Close the router's circuit and resolve its incident."""
    router_health_queries.close_circuit(connection, router.id, at=at)
    if router.failure_count:
        incidents.resolve(connection, _router_incident_key(router), at=at)


def record_failure(
    connection: Connection, router: StoredRouter, *, reason: str, at: datetime, jitter: float
) -> None:
    """Open the router's circuit; after the last retry, fail its vouchers and open an incident.

    A router that has failed for `DOWN_AFTER` is an incident as well, before a buyer waits for it.
    """
    failures = router_health_queries.lock_failure_count(connection, router.id) + 1
    since = router_health_queries.open_circuit(
        connection,
        router.id,
        failures=failures,
        reason=reason,
        open_until=ROUTER_RETRIES.next_attempt_at(failures, at=at, jitter=jitter),
        at=at,
    )
    failed = orders = 0
    if ROUTER_RETRIES.is_exhausted(failures):
        failed, orders = router_health_queries.mark_vouchers_failed(connection, router.id, at=at)
    if failed or at - since >= DOWN_AFTER:
        waiting = f"{failed:,} vouchers of {orders:,} orders are" if failed else "No voucher is"
        message = (
            f"{reason}; failing since {format_clock(since)}."
            f" {waiting} waiting for it; retries automatically"
        )
        incidents.record_occurrence(
            connection, Occurrence(_router_incident_key(router), IncidentKind.ROUTER, message, at)
        )


def open_package_incident(
    connection: Connection, package: StoredPackage, *, reason: str, at: datetime
) -> None:
    """Open an incident for a package whose vouchers the router refuses, if vouchers have failed."""
    failed, orders = router_health_queries.count_failed_of_package(
        connection, package.ticket_type_id
    )
    if failed:
        message = (
            f"package {package.package.code}: {reason}. {failed:,} vouchers of {orders:,} orders"
            " are waiting; they are retried every ten minutes, or by `ticketing vouchers regenerate"
            " --failed`"
        )
        occurrence = Occurrence(_package_incident_key(package), IncidentKind.ROUTER, message, at)
        incidents.record_occurrence(connection, occurrence)


def resolve_package_incident(
    connection: Connection, package: StoredPackage, *, at: datetime
) -> None:
    """Resolve the package's incident."""
    incidents.resolve(connection, _package_incident_key(package), at=at)


def _router_incident_key(router: StoredRouter) -> str:
    return f"router:{router.name}"


def _package_incident_key(package: StoredPackage) -> str:
    return f"package:{package.package.code}"
