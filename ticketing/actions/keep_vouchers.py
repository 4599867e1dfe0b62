"""The upkeep of vouchers in one: looks at the routers, then what is over ends, then the stocks."""

from dataclasses import dataclass

from ticketing.actions.clean_up_vouchers import CleanUp, clean_up_expired
from ticketing.actions.look_at_routers import Clock, Look, look_at_routers
from ticketing.actions.make_ahead import Stocked, make_ahead
from ticketing.actions.router_doors import RouterDoors
from ticketing.store.database import Database


@dataclass(frozen=True, slots=True)
class Kept:
    """What the upkeep found and did."""

    looks: list[Look]
    clean_up: CleanUp
    stocked: Stocked


def keep_vouchers(database: Database, doors: RouterDoors, *, clock: Clock, by: str) -> Kept:
    """Look, end, stock; safe to repeat, to run twice at once, and to kill."""
    looks = look_at_routers(database, doors, clock=clock, by=by)
    at = clock()
    return Kept(
        looks,
        clean_up_expired(database, at=at, by=by),
        make_ahead(database, at=at, by=by),
    )
