"""What a clean-up of an event's vouchers would end, and plans of it by their hash."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.domain.errors import PlanOutdated
from ticketing.domain.vouchers import VoucherState
from ticketing.store import voucher_life
from ticketing.store.schema import ticket_types
from ticketing.store.schema_sales import order_lines, plans
from ticketing.store.schema_vouchers import vouchers

_KIND = "clean_up"


@dataclass(frozen=True, slots=True)
class Figures:
    """So many vouchers, of so many orders; so many of them somebody has used. `newest`: its id."""

    vouchers: int
    orders: int
    used: int
    newest: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was kept: as of when, and how many vouchers of each kind."""

    as_of: datetime
    vouchers: Mapping[str, int]


def left_over(event_id: int) -> ColumnElement[bool]:
    """Whether a voucher is of an order of the event that came to nothing."""
    return voucher_life.of_ended_orders(event_id)


def expired(event_id: int, *, as_of: datetime) -> ColumnElement[bool]:
    """Whether a voucher is of a package of the event, and out of its time."""
    sold = select(ticket_types.c.id).where(ticket_types.c.event_id == event_id)
    return voucher_life.out_of_time(at=as_of) & vouchers.c.ticket_type_id.in_(sold)


def figures(connection: Connection, these: ColumnElement[bool]) -> Figures:
    """How many there are to end."""
    query = (
        select(
            func.count(),
            func.count(order_lines.c.order_id.distinct()),
            func.count(vouchers.c.first_used_at),
            func.coalesce(func.max(vouchers.c.id), 0),
        )
        .select_from(vouchers)
        .outerjoin(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(these, vouchers.c.state.not_in((VoucherState.ENDING, VoucherState.GONE)))
    )
    return Figures(*connection.execute(query).one())


def keep(
    connection: Connection,
    event_id: int,
    counted: Mapping[str, Figures],
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> None:
    """Keep the plan; the same again changes nothing."""
    statement = insert(plans).values(
        hash=plan_hash,
        event_id=event_id,
        asked={_KIND: {kind: asdict(one) for kind, one in counted.items()}},
        made_by=by,
        made_at=at,
    )
    connection.execute(statement.on_conflict_do_nothing())


def planned(connection: Connection, event_id: int, plan_hash: str) -> Planned:
    """The plan of that hash; refuses an unknown one."""
    query = select(plans.c.asked, plans.c.made_at).where(
        plans.c.hash == plan_hash, plans.c.event_id == event_id, plans.c.asked.has_key(_KIND)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise PlanOutdated("there is no such plan; plan again")
    counted = {kind: one["vouchers"] for kind, one in row.asked[_KIND].items()}
    return Planned(row.made_at, counted)
