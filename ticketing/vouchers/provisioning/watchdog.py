"""Routers with overdue work, for the sensor that replaces the worker."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.provisioning.provision import list_due_routers
from ticketing.vouchers.provisioning.router_clients import RouterClientPool


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
