"""Plan what clearing the rehearsals of an event would remove, and check that nothing was added."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.go_live import queries
from ticketing.go_live.queries import RehearsalRemains
from ticketing.platform.db import change_plans
from ticketing.platform.db.change_plans import PlanKind, PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, plan_outdated

# Messages are sent and PDFs are written meanwhile: they do not make a plan outdated.
COMPARED = (
    "orders", "newest_order", "entries", "newest_entry", "places", "tickets", "vouchers",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClearingPlan:
    """Rehearsal data to be cleared; `plan_hash` identifies it."""

    event: str
    remains: RehearsalRemains
    plan_hash: str


class PlannedEnd(NamedTuple):
    """The ids up to which a plan clears."""

    newest_order: int
    newest_entry: int


def count_rehearsal(database: Database, event: Event) -> RehearsalRemains:
    """Count what the rehearsals of an event left behind, without a plan."""
    return database.run(queries.count_remains, event.id)


def plan_clearing(database: Database, event: Event, *, at: datetime, by: str) -> ClearingPlan:
    """Count what the rehearsals of an event left behind, and store the plan under its hash."""
    with database.transaction() as connection:
        remains = queries.count_remains(connection, event.id)
        facts = _facts(remains)
        plan_hash = digest([event.uid, "go-live", facts])
        subject = PlanSubject(event.id)
        change_plans.store_plan(
            connection, subject, PlanKind.GO_LIVE, facts, plan_hash=plan_hash, at=at, by=by
        )
    return ClearingPlan(event.slug, remains, plan_hash)


def require_planned(connection: Connection, event: Event, plan_hash: str) -> PlannedEnd:
    """Return the newest planned rows; raise PlanOutdated if there is more than planned.

    Less is left after an interruption, which the same plan continues.
    """
    stored = change_plans.get_plan(connection, PlanSubject(event.id), PlanKind.GO_LIVE, plan_hash)
    now = _facts(queries.count_remains(connection, event.id))
    planned = {name: int(stored.parameters.get(name, 0)) for name in COMPARED}
    if any(now[name] > planned[name] for name in COMPARED):
        effect = (
            f"{now['orders']:,} orders with {now['places']:,} places, {now['tickets']:,} tickets,"
            f" {now['vouchers']:,} vouchers and {now['entries']:,} waiting entries would be cleared"
        )
        raise plan_outdated(event.slug, effect)
    return PlannedEnd(planned["newest_order"], planned["newest_entry"])


def _facts(remains: RehearsalRemains) -> dict[str, int]:
    return {name: number for name, number in asdict(remains).items() if name in COMPARED}
