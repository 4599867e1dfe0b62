"""Vouchers onto their routers, and off them: every router by a thread of its own.

A round at one router: what was left open is read back, what is owed put on, what ended off.

A voucher counts as asked for before its router hears of it. So whoever is killed anywhere leaves
either nothing done, or rows that the next one reads back: never guessed, never asked again unseen.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable
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
from ticketing.vouchers.queries import Voucher

PLACEMENT_BATCH_SIZE = (
    300  # of a router of 5 ms a command a second and a half: whoever came with it waits so long
)


def provision_router(context: ProvisioningContext, router_id: int) -> ProvisionResult:
    """A round, if it is our turn; safe to repeat, to run twice at once, and to kill."""
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
    """Step by step, until one meets trouble; a router that failed is asked first how it is."""
    done = ProvisionResult(router.name)
    try:
        door = context.clients.client_for(router)
        if router.failures:
            door.health()
        for step in (_verify_unconfirmed, _place_pending, remove_revoked):
            done += step(context, router, door)
            if done.trouble:
                break
    except ROUTER_ERRORS as error:
        return done + ProvisionResult(router.name, trouble=str(error))
    except Unavailable:  # PostgreSQL: no router's fault
        raise
    except Exception as error:  # noqa: BLE001 - it is in the router's row and stops no other's
        return done + ProvisionResult(
            router.name, trouble=f"a round ended in {type(error).__name__}"
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
    elif router.failures or result != ProvisionResult(router.name):
        circuit_breaker.record_success(connection, router, at=at)


def _verify_unconfirmed(
    context: ProvisioningContext, router: StoredRouter, client: RouterClient
) -> ProvisionResult:
    with context.database.transaction() as connection:
        left = transition_queries.list_unconfirmed(connection, router.id)
        wanted = _to_placements(connection, left, context.clients.installation_id)
    return record_reply(context, router, verify_vouchers(client, wanted))


def _place_pending(
    context: ProvisioningContext, router: StoredRouter, client: RouterClient
) -> ProvisionResult:
    with context.database.transaction() as connection:
        at = context.clock()
        claimed = transition_queries.claim_pending(
            connection, router.id, by=context.by, at=at, limit=PLACEMENT_BATCH_SIZE
        )
        wanted = _to_placements(connection, claimed, context.clients.installation_id)
    return record_reply(context, router, place_vouchers(client, wanted))


def _to_placements(
    connection: Connection, vouchers: Sequence[Voucher], office: str
) -> list[VoucherPlacement]:
    brought = package_queries.find_by_ticket_types(
        connection, list({each.ticket_type_id for each in vouchers})
    )
    return [to_placement(each, brought[each.ticket_type_id], office) for each in vouchers]


MAX_CONCURRENT_ROUTERS = (
    8  # each holds one of the database's connections for as long as it talks to its router
)


def provision_all(context: ProvisioningContext) -> list[ProvisionResult]:
    """Round after round at every router, until nothing is left that can be done now."""
    waiting = list_due_routers(context.database, at=context.clock())
    if not waiting:
        return []
    with ThreadPoolExecutor(
        min(MAX_CONCURRENT_ROUTERS, len(waiting)), thread_name_prefix="routers"
    ) as pool:
        return list(pool.map(lambda router: _provision_until_idle(context, router), waiting))


def list_due_routers(database: Database, *, at: datetime) -> list[StoredRouter]:
    """The routers that may be asked, and are to be about something."""
    with database.transaction() as connection:
        return router_health_queries.list_due(connection, at=at)


def _provision_until_idle(context: ProvisioningContext, router: StoredRouter) -> ProvisionResult:
    done = ProvisionResult(router.name)
    while True:
        one = provision_router(context, router.id)
        done += one
        if not one.has_progress:
            return done
