"""Stored change plans, by hash: applying them needs the parameters that they were made with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.operations import change_plans
from ticketing.platform.kernel.errors import PlanOutdated


class PlanKind(StrEnum):
    """The change of a plan; the key of its parameters in the row."""

    GO_LIVE = "go_live"
    REFUND = "refund"
    ACCEPTED_PAYMENT = "accepted_payment"
    ASSIGNED_TRANSACTION = "assigned_transaction"
    VOUCHER_CLEANUP = "voucher_cleanup"


@dataclass(frozen=True, slots=True)
class PlanSubject:
    """The subject of a plan: one order, or the whole event."""

    event_id: int
    order_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The parameters of a plan and the time at which it was made."""

    parameters: Mapping[str, Any]
    created_at: datetime


def store_plan(
    connection: Connection,
    subject: PlanSubject,
    kind: PlanKind,
    parameters: Mapping[str, object],
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> None:
    """Store a plan under its hash; the same plan again changes nothing."""
    statement = insert(change_plans).values(
        hash=plan_hash,
        event_id=subject.event_id,
        order_id=subject.order_id,
        parameters={kind: parameters},
        created_by=by,
        created_at=at,
    )
    connection.execute(statement.on_conflict_do_nothing())


def get_plan(
    connection: Connection, subject: PlanSubject, kind: PlanKind, plan_hash: str
) -> StoredPlan:
    """Return the plan of that hash; raise PlanOutdated for an unknown one."""
    query = select(change_plans.c.parameters[kind.value], change_plans.c.created_at).where(
        change_plans.c.hash == plan_hash,
        change_plans.c.event_id == subject.event_id,
        change_plans.c.order_id.is_not_distinct_from(subject.order_id),
        change_plans.c.parameters.has_key(kind.value),
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise PlanOutdated("there is no plan with this hash; plan again")
    return StoredPlan(*row)
