"""What became of the tickets of one sending plan: its messages name it."""

from collections import Counter

from sqlalchemy import ColumnElement, Connection, and_, literal, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from ticketing.domain.deliveries import DeliveryState
from ticketing.store.outbox import BLAST, GUEST_TICKET
from ticketing.store.schema_deliveries import deliveries
from ticketing.store.schema_sales import outbox

_tickets = outbox.alias("tickets")


def _is_of(plan: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(_tickets.c.purpose == GUEST_TICKET, _tickets.c.payload["plan"].astext == plan)


def goes_on() -> ColumnElement[bool]:
    """Whether the message in `outbox` tells of a plan's end, and more of it is still to come."""
    untaken = select(_tickets.c.id).where(_tickets.c.taken_at.is_(None))
    under_way = (
        select(_tickets.c.id)
        .join(deliveries, deliveries.c.outbox_id == _tickets.c.id)
        .where(or_(deliveries.c.next_try.is_not(None), deliveries.c.state == DeliveryState.CLAIMED))
    )
    # with a limit the first ticket found ends the search: EXISTS would make a table of all of them
    still = [
        query.where(_is_of(outbox.c.subject))
        .limit(1)
        .correlate(outbox)
        .scalar_subquery()
        .is_not(None)
        for query in (untaken, under_way)
    ]
    return and_(outbox.c.purpose == BLAST, or_(*still))


def ends_of(connection: Connection, event_id: int, plan: str) -> Counter[DeliveryState]:
    """How many of a plan's tickets came how far; of one that went by two channels, by the last."""
    query = (
        select(deliveries.c.state)
        .ext(distinct_on(deliveries.c.outbox_id))
        .join(_tickets, _tickets.c.id == deliveries.c.outbox_id)
        .where(deliveries.c.event_id == event_id, _is_of(literal(plan)))
        .order_by(deliveries.c.outbox_id, deliveries.c.id.desc())
    )
    return Counter(DeliveryState(state) for state in connection.execute(query).scalars())
