"""Routers that fail, or refuse what was sold: how long they rest, and that a person is told.

One line of the incidents for as long as it lasts, whose digest goes to the organiser once.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import Kind, Occurrence
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning import router_health_queries
from ticketing.vouchers.provisioning.retry_policy import is_given_up, rests_until
from ticketing.vouchers.provisioning.router_health_queries import Backlog


def note_answer(connection: Connection, router: StoredRouter, *, at: datetime) -> None:
    """All went well at the router: what waited for it goes on."""
    router_health_queries.answered(connection, router.id, at=at)
    if router.failures:
        incidents.resolve(connection, _cause(router), at=at)


def note_failure(
    connection: Connection, router: StoredRouter, *, why: str, at: datetime, jitter: float
) -> None:
    """The router rests; when it was tried often enough, those who wait for it are given up on."""
    failures = router_health_queries.failures(connection, router.id) + 1
    since = router_health_queries.failed(
        connection,
        router.id,
        failures=failures,
        why=why,
        rests_until=rests_until(failures, at=at, jitter=jitter),
        at=at,
    )
    if not is_given_up(failures):
        return
    waiting = router_health_queries.give_up(connection, router.id, at=at)
    if waiting.vouchers:
        told = (
            f"{why}; so it is since {since:%Y-%m-%d %H:%M} UTC. {_who(waiting)} for it; all goes on"
            " by itself when it answers"
        )
        incidents.observe(connection, Occurrence(_cause(router), Kind.ROUTER, told, at))


def note_refusal(connection: Connection, package: StoredPackage, *, why: str, at: datetime) -> None:
    """The router will not have vouchers of a package, whose buyers were given up on."""
    waiting = router_health_queries.given_up_of_package(connection, package.ticket_type_id)
    if waiting.vouchers:
        told = (
            f"package {package.package.code}: {why}. {_who(waiting)}; they are tried again every"
            " ten minutes, or by `ticketing vouchers regenerate --failed`"
        )
        seen = Occurrence(_cause_of_refusals(package), Kind.ROUTER, told, at)
        incidents.observe(connection, seen)


def forget_refusals(connection: Connection, package: StoredPackage, *, at: datetime) -> None:
    """Vouchers of the package are made again."""
    incidents.resolve(connection, _cause_of_refusals(package), at=at)


def _cause(router: StoredRouter) -> str:
    return f"router:{router.name}"


def _cause_of_refusals(package: StoredPackage) -> str:
    return f"package:{package.package.code}"


def _who(waiting: Backlog) -> str:
    return f"{waiting.vouchers:,} vouchers of {waiting.orders:,} orders wait"
