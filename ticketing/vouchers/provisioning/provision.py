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
from ticketing.routers.routeros.client import Router
from ticketing.vouchers import package_queries, transition_queries
from ticketing.vouchers.provisioning import circuit_breaker, router_health_queries
from ticketing.vouchers.provisioning.provisioner import Provisioner, Round
from ticketing.vouchers.provisioning.retry_policy import may_be_asked
from ticketing.vouchers.provisioning.router_calls import (
    TROUBLE,
    Wanted,
    as_sold,
    ask,
    read_back,
    stamp,
    take_off,
)
from ticketing.vouchers.queries import Voucher

BATCH = 300  # of a router of 5 ms a command a second and a half: whoever came with it waits so long


def serve_router(means: Provisioner, router_id: int) -> Round:
    """A round, if it is our turn; safe to repeat, to run twice at once, and to kill."""
    with router_queries.turn(means.database, router_id) as is_ours:
        with means.database.transaction() as connection:
            router = router_queries.by_id(connection, router_id)
        if not is_ours or not may_be_asked(router.rests_until, at=means.clock()):
            return Round(router.name)
        done = _served(means, router)
        with means.database.transaction() as connection:
            _note(connection, means, router, done)
    return done


def _served(means: Provisioner, router: StoredRouter) -> Round:
    """Step by step, until one meets trouble; a router that failed is asked first how it is."""
    done = Round(router.name)
    try:
        door = means.doors.to(router)
        if router.failures:
            door.health()
        for step in (_read_back, _place, take_off):
            done += step(means, router, door)
            if done.trouble:
                break
    except TROUBLE as error:
        return done + Round(router.name, trouble=str(error))
    except Unavailable:  # PostgreSQL: no router's fault
        raise
    except Exception as error:  # noqa: BLE001 - it is in the router's row and stops no other's
        return done + Round(router.name, trouble=f"a round ended in {type(error).__name__}")
    return done


def _note(connection: Connection, means: Provisioner, router: StoredRouter, done: Round) -> None:
    at = means.clock()
    if done.trouble:
        circuit_breaker.note_failure(
            connection, router, why=done.trouble, at=at, jitter=means.jitter()
        )
    elif router.failures or done != Round(router.name):
        circuit_breaker.note_answer(connection, router, at=at)


def _read_back(means: Provisioner, router: StoredRouter, door: Router) -> Round:
    with means.database.transaction() as connection:
        left = transition_queries.asked(connection, router.id)
        wanted = _wanted(connection, left, means.doors.office)
    return stamp(means, router, read_back(door, wanted))


def _place(means: Provisioner, router: StoredRouter, door: Router) -> Round:
    with means.database.transaction() as connection:
        at = means.clock()
        claimed = transition_queries.claim(connection, router.id, by=means.by, at=at, limit=BATCH)
        wanted = _wanted(connection, claimed, means.doors.office)
    return stamp(means, router, ask(door, wanted))


def _wanted(connection: Connection, vouchers: Sequence[Voucher], office: str) -> list[Wanted]:
    brought = package_queries.of_types(connection, list({each.ticket_type_id for each in vouchers}))
    return [as_sold(each, brought[each.ticket_type_id], office) for each in vouchers]


AT_ONCE = 8  # each holds one of the database's connections for as long as it talks to its router


def provision(means: Provisioner) -> list[Round]:
    """Round after round at every router, until nothing is left that can be done now."""
    waiting = routers_due(means.database, at=means.clock())
    if not waiting:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(waiting)), thread_name_prefix="routers") as pool:
        return list(pool.map(lambda router: _until_done(means, router), waiting))


def routers_due(database: Database, *, at: datetime) -> list[StoredRouter]:
    """The routers that may be asked, and are to be about something."""
    with database.transaction() as connection:
        return router_health_queries.due(connection, at=at)


def _until_done(means: Provisioner, router: StoredRouter) -> Round:
    done = Round(router.name)
    while True:
        one = serve_router(means, router.id)
        done += one
        if not one.moved:
            return done
