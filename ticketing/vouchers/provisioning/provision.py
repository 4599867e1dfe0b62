"""Provisioning: create pending vouchers on their routers and remove revoked ones, one thread each.

A run at one router verifies unconfirmed vouchers, places pending ones, then removes revoked ones.
A voucher is stored as provisioning before its router is called. A process killed at any point
therefore leaves either nothing done or rows that the next run reads back before it adds any.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers import package_queries, transition_queries
from ticketing.vouchers.provisioning import circuit_breaker, router_health_queries
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.retry_policy import is_request_allowed
from ticketing.vouchers.provisioning.router_calls import (
    ROUTER_ERRORS,
    VoucherPlacement,
    place_vouchers,
    record_reply,
    remove_revoked,
    to_placement,
    verify_vouchers,
)
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher

PLACEMENT_BATCH_SIZE = 300  # 1.5 s at 5 ms per command: the wait of the last voucher in a batch


def provision_router(context: ProvisioningContext, router_id: int) -> ProvisionResult:
    """Run once if the router's lock is free. Safe to repeat, run concurrently and interrupt."""
    with router_queries.try_router_lock(context.database, router_id) as is_ours:
        with context.database.transaction() as connection:
            router = router_queries.get_by_id(connection, router_id)
        if not is_ours or not is_request_allowed(router.circuit_open_until, at=context.clock()):
            return ProvisionResult(router.name)
        done = _run_steps(context, router)
        with context.database.transaction() as connection:
            _record_health(connection, context, router, done)
    return done


def _run_steps(context: ProvisioningContext, router: StoredRouter) -> ProvisionResult:
    """Run the steps until one fails; a router that failed before must pass a health check first."""
    done = ProvisionResult(router.name)
    try:
        client = context.clients.client_for(router)
        if router.failure_count:
            client.health()
        for step in (_verify_unconfirmed, _place_pending, remove_revoked):
            done += step(context, router, client)
            if done.trouble:
                break
    except ROUTER_ERRORS as error:
        return done + ProvisionResult(router.name, trouble=str(error))
    except Unavailable:  # PostgreSQL, not the router
        raise
    except Exception as error:  # noqa: BLE001 - stored in the router's row; other routers continue
        return done + ProvisionResult(
            router.name, trouble=f"provisioning failed with {type(error).__name__}"
        )
    return done


def _record_health(
    connection: Connection,
    context: ProvisioningContext,
    router: StoredRouter,
    result: ProvisionResult,
) -> None:
    at = context.clock()
    if result.trouble:
        circuit_breaker.record_failure(
            connection, router, reason=result.trouble, at=at, jitter=context.jitter()
        )
    elif router.failure_count or result != ProvisionResult(router.name):
        circuit_breaker.record_success(connection, router, at=at)


def _verify_unconfirmed(
    context: ProvisioningContext, router: StoredRouter, client: RouterClient
) -> ProvisionResult:
    with context.database.transaction() as connection:
        unconfirmed = transition_queries.list_unconfirmed(connection, router.id)
        placements = _to_placements(connection, unconfirmed, context.clients.installation_id)
    return record_reply(context, router, verify_vouchers(client, placements))


def _place_pending(
    context: ProvisioningContext, router: StoredRouter, client: RouterClient
) -> ProvisionResult:
    with context.database.transaction() as connection:
        at = context.clock()
        claimed = transition_queries.claim_pending(
            connection, router.id, by=context.by, at=at, limit=PLACEMENT_BATCH_SIZE
        )
        placements = _to_placements(connection, claimed, context.clients.installation_id)
    return record_reply(context, router, place_vouchers(client, placements))


def _to_placements(
    connection: Connection, vouchers: Sequence[Voucher], installation_id: str
) -> list[VoucherPlacement]:
    packages_by_type = package_queries.find_by_ticket_types(
        connection, list({each.ticket_type_id for each in vouchers})
    )
    return [
        to_placement(each, packages_by_type[each.ticket_type_id], installation_id)
        for each in vouchers
    ]


MAX_CONCURRENT_ROUTERS = 8  # each holds a database connection during its calls


def provision_all(context: ProvisioningContext) -> list[ProvisionResult]:
    """Run at every due router, in parallel, until no work is left that can be done now."""
    due = list_due_routers(context.database, at=context.clock())
    if not due:
        return []
    with ThreadPoolExecutor(
        min(MAX_CONCURRENT_ROUTERS, len(due)), thread_name_prefix="routers"
    ) as pool:
        return list(pool.map(lambda router: _provision_until_idle(context, router), due))


def list_due_routers(database: Database, *, at: datetime) -> list[StoredRouter]:
    """Return the routers with due work whose circuit allows a request."""
    with database.transaction() as connection:
        return router_health_queries.list_due(connection, at=at)


def _provision_until_idle(context: ProvisioningContext, router: StoredRouter) -> ProvisionResult:
    done = ProvisionResult(router.name)
    while True:
        one = provision_router(context, router.id)
        done += one
        if not one.has_progress:
            return done


def routers_with_overdue_work(
    database: Database, *, worker_grace: timedelta, at: datetime
) -> list[StoredRouter]:
    """Return the due routers if no worker runs, else those overdue beyond the grace time."""
    with database.transaction() as connection:
        since = at - worker_grace if notify.is_worker_running(connection) else at
    return list_due_routers(database, at=since)


def list_reachable_routers(
    clients: RouterClientPool, candidates: Collection[StoredRouter]
) -> list[str]:
    """Return the names of routers that pass a health check, called in parallel. Changes nothing."""
    if not candidates:
        return []
    # one thread each, so that a tick ends although no router answers
    with ThreadPoolExecutor(len(candidates), thread_name_prefix="routers") as pool:
        names = pool.map(lambda router: _name_if_healthy(clients, router), candidates)
        return [name for name in names if name is not None]


def _name_if_healthy(clients: RouterClientPool, router: StoredRouter) -> str | None:
    try:
        clients.client_for(router).health()
    except TicketingError:
        return None
    return router.name
