"""Vouchers onto their routers, and off them: every router by a thread of its own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from ticketing.actions.provision_router import serve_router
from ticketing.actions.provisioning import Provisioner, Round
from ticketing.store import router_health
from ticketing.store.database import Database
from ticketing.store.routers import StoredRouter

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
        return router_health.due(connection, at=at)


def _until_done(means: Provisioner, router: StoredRouter) -> Round:
    done = Round(router.name)
    while True:
        one = serve_router(means, router.id)
        done += one
        if not one.moved:
            return done
