"""Queries for promo codes and their redemptions, which are counted under the promo's row lock."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.catalogue.promo_code import NewPromo, Promo, PromoKind
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.orders import promo_redemptions
from ticketing.platform.kernel.errors import PromoRefused


def get(connection: Connection, event_id: int, code: str) -> Promo:
    """Return the promo with this normalised code; refuses an unknown code."""
    query = select(*columns_of(Promo, promos)).where(
        promos.c.event_id == event_id, promos.c.code == code
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise PromoRefused(f"there is no promo code {code}")
    return Promo(**{**row, "kind": PromoKind(row["kind"])})


@dataclass(frozen=True, slots=True)
class PromoUsage:
    """A promo code and its number of uses. `ticket_type` None means all types."""

    code: str
    kind: PromoKind
    value: int
    ticket_type: str | None
    valid_from: datetime
    valid_until: datetime
    used: int
    max_uses: int | None


def list_usage(connection: Connection, event_id: int) -> list[PromoUsage]:
    """Return the promo codes of an event, oldest first."""
    query = (
        select(
            promos.c.code,
            promos.c.kind,
            promos.c.value,
            ticket_types.c.name.label("ticket_type"),
            *promos.c["valid_from", "valid_until", "used", "max_uses"],
        )
        .outerjoin(ticket_types, ticket_types.c.id == promos.c.ticket_type_id)
        .where(promos.c.event_id == event_id)
        .order_by(promos.c.id)
    )
    rows = connection.execute(query).mappings()
    return [PromoUsage(**{**row, "kind": PromoKind(row["kind"])}) for row in rows]


def insert_promo(
    connection: Connection, event_id: int, new: NewPromo, *, ticket_type_id: int | None
) -> None:
    """Store a new promo code; refuses a code that the event already has."""
    statement = insert(promos).values(
        event_id=event_id, ticket_type_id=ticket_type_id, **asdict(new)
    )
    added = statement.on_conflict_do_nothing().returning(promos.c.id)
    if connection.execute(added).first() is None:
        raise PromoRefused(f"promo code {new.code} exists already")


def mark_ended(connection: Connection, promo_id: int, *, at: datetime) -> None:
    """Set the end of a promo code to `at`, unless it ended earlier."""
    ended = func.least(promos.c.valid_until, at)
    connection.execute(update(promos).where(promos.c.id == promo_id).values(valid_until=ended))


def redeem(connection: Connection, promo: Promo, order_id: int) -> None:
    """Redeem the code for an order; refuses it when its maximum number of uses is reached."""
    _increment_usage(connection, promo.id)
    connection.execute(insert(promo_redemptions).values(order_id=order_id, promo_id=promo.id))


def release(connection: Connection, order_id: int, *, at: datetime) -> None:
    """Release the redemption of an order that was not paid; safe to repeat."""
    query = (
        update(promo_redemptions)
        .where(promo_redemptions.c.order_id == order_id, promo_redemptions.c.released_at.is_(None))
        .values(released_at=at)
        .returning(promo_redemptions.c.promo_id)
    )
    promo_id = connection.execute(query).scalar_one_or_none()
    if promo_id is not None:
        connection.execute(
            update(promos).where(promos.c.id == promo_id).values(used=promos.c.used - 1)
        )


def redeem_again(connection: Connection, order_id: int) -> None:
    """Redeem a released code again, or refuse; call it inside a savepoint."""
    query = (
        update(promo_redemptions)
        .where(
            promo_redemptions.c.order_id == order_id, promo_redemptions.c.released_at.is_not(None)
        )
        .values(released_at=None)
        .returning(promo_redemptions.c.promo_id)
    )
    promo_id = connection.execute(query).scalar_one_or_none()
    if promo_id is not None:
        _increment_usage(connection, promo_id)


def list_miscounted_codes(connection: Connection, event_id: int) -> list[str]:
    """Return the codes whose counter differs from their redemptions or exceeds their limit."""
    redeemed = func.count(promo_redemptions.c.order_id)
    live = and_(
        promo_redemptions.c.promo_id == promos.c.id, promo_redemptions.c.released_at.is_(None)
    )
    query = (
        select(promos.c.code)
        .outerjoin(promo_redemptions, live)
        .where(promos.c.event_id == event_id)
        .group_by(promos.c.id)
        .having(or_(redeemed != promos.c.used, redeemed > promos.c.max_uses))
        .order_by(promos.c.code)
    )
    return list(connection.execute(query).scalars())


def _increment_usage(connection: Connection, promo_id: int) -> None:
    left = or_(promos.c.max_uses.is_(None), promos.c.used < promos.c.max_uses)
    query = update(promos).where(promos.c.id == promo_id, left).values(used=promos.c.used + 1)
    if connection.execute(query).rowcount == 0:
        raise PromoRefused("the promo code has reached its maximum number of uses")
