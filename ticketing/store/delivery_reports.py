"""Which attempt a report speaks of, and what it changes. What counts is decided by the domain."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from ticketing.domain.deliveries import Channel, DeliveryState
from ticketing.store.deliveries import Step
from ticketing.store.schema_deliveries import deliveries, delivery_logs


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as it stands, and the delivery it was made for, locked."""

    delivery_id: int
    number: int
    said: DeliveryState  # the attempt's own
    state: DeliveryState  # the delivery's
    is_newest: bool
    failures: int
    channel: Channel
    address: str = field(repr=False)


def attempt_of(
    connection: Connection, *, names: Collection[str], reference: str = ""
) -> Attempt | None:
    """By the vendor's names of the message, else by ours; None when it is nobody's here."""
    by_name = [name for name in names if name]
    found = None
    if by_name:
        found = _newest(
            connection,
            or_(delivery_logs.c.provider_id.in_(by_name), delivery_logs.c.alias.in_(by_name)),
        )
    uid = _uid(reference)
    if found is None and uid is not None:
        ours = and_(deliveries.c.uid == uid, delivery_logs.c.reference == reference)
        found = _newest(connection, ours)
    return found


def _uid(reference: str) -> UUID | None:
    try:
        return UUID(hex=reference.partition("-")[0])
    except ValueError:
        return None


def _newest(connection: Connection, which: ColumnElement[bool]) -> Attempt | None:
    query = (
        select(
            deliveries.c.id,
            delivery_logs.c.number,
            delivery_logs.c.state,
            deliveries.c.state,
            deliveries.c.tries == delivery_logs.c.number,
            deliveries.c.failures,
            deliveries.c.channel,
            deliveries.c.address,
        )
        .join(deliveries, deliveries.c.id == delivery_logs.c.delivery_id)
        .where(which)
        .order_by(delivery_logs.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    number, tries, said, state, is_newest, failures, channel, address = row
    return Attempt(
        number, tries, DeliveryState(said), DeliveryState(state), is_newest, failures,
        Channel(channel), address,
    )  # fmt: skip


def name(connection: Connection, attempt: Attempt, alias: str) -> None:
    """Note the other name by which reports of it may come alone."""
    connection.execute(update(delivery_logs).where(_is(attempt)).values(alias=alias))


def log(connection: Connection, attempt: Attempt, step: Step, *, at: datetime) -> None:
    """How far the attempt has come."""
    connection.execute(
        update(delivery_logs)
        .where(_is(attempt))
        .values(
            state=step.state,
            code=step.code,
            reason=step.reason,
            concerns=step.concerns,
            ended_at=func.coalesce(delivery_logs.c.ended_at, at),
        )
    )


def _is(attempt: Attempt) -> ColumnElement[bool]:
    return and_(
        delivery_logs.c.delivery_id == attempt.delivery_id,
        delivery_logs.c.number == attempt.number,
    )


def stamp(connection: Connection, attempt: Attempt, step: Step, *, at: datetime) -> None:
    """How far the delivery has come by that; with a `next_try` it is tried again."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == attempt.delivery_id)
        .values(
            state=step.state,
            next_try=step.next_try,
            claimed_at=None,
            failures=deliveries.c.failures + step.failures,
            ended_at=None if step.next_try else func.coalesce(deliveries.c.ended_at, at),
            last_error=step.reason,
        )
    )
