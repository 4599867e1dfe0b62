"""Packages on sale: what a hotspot's vouchers bring, for how much, made on which router.

A package is a ticket type of its event, so price, stock and limits are what they are for tickets.
What is sold keeps what it was sold with: other terms make a new package of the same code, and the
old one goes on, closed, for those who have it.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.ticket_type_queries import TypeForSale
from ticketing.catalogue.ticket_types import Terms, refuse_if_called_off, sell_under
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnusablePackage
from ticketing.platform.kernel.money import NOTHING, Rupiah
from ticketing.routers import queries as router_queries
from ticketing.routers.credentials import CodeRule
from ticketing.vouchers import package_queries, transition_queries
from ticketing.vouchers.model import Counting, Package
from ticketing.vouchers.package_queries import StoredPackage

MOST_A_PURCHASE = 500
LONGEST_CODE = 32
NO_TIME = timedelta(0)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTerms:
    """What is said of a package. None leaves what is; nothing at all (0) takes a limit away.

    A new one needs a name, a price, a profile, a router and a validity.
    """

    name: str | None = None
    price: Rupiah | None = None
    profile: str | None = None
    router: str | None = None
    validity: timedelta | None = None
    counting: Counting | None = None
    unused_for: timedelta | None = None
    online_limit: timedelta | None = None
    bytes_limit: int | None = None
    shared_users: int | None = None
    prefix: str | None = None
    alphabet: str | None = None
    length: int | None = None
    password_length: int | None = None
    made_ahead: int | None = None
    capacity: int | None = None
    per_order: int | None = None
    per_buyer: int | None = None


@dataclass(frozen=True, slots=True)
class PackageOnSale:
    """A package, its places, and the names of what it belongs to."""

    stored: StoredPackage
    sale: TypeForSale
    event: str
    router: str


def put_package(
    database: Database, event: Event, code: str, said: PackageTerms, *, at: datetime, by: str
) -> StoredPackage:
    """Put a package on sale, or change it for whoever buys from now on; the same changes nothing.

    Refuses what no router could carry out, codes that could be guessed, another event's code.
    """
    with database.transaction() as connection:
        refuse_if_called_off(connection, event)
        known = _known(connection, event, code, at=at)
        router = _router(connection, known, said)
        package, rule = _package(code, known, said), _rule(known, said)
        place, terms = _place(connection, event, known, package, said, at=at)
        ahead = _chosen(said.made_ahead, known.made_ahead if known else 0)
        sell_under(connection, place, terms)
        package_queries.put(connection, place.id, package, rule, router_id=router, made_ahead=ahead)
        audit_log.record(
            connection,
            actor=by,
            action="packages.put",
            event_id=event.id,
            subject=code,
            items=1,
            details=_written(said),
        )
        return package_queries.get(connection, code)


def close_package(database: Database, code: str, *, by: str) -> bool:
    """Take a package off sale, False if it was; what is pending can still be paid."""
    with database.transaction() as connection:
        package_queries.lock(connection, code)
        known = package_queries.get(connection, code)
        if known.on_sale:
            ticket_type_queries.change(connection, known.ticket_type_id, {"on_sale": False})
            audit_log.record(
                connection,
                actor=by,
                action="packages.close",
                event_id=known.event_id,
                subject=code,
                items=1,
            )
    return known.on_sale


def packages_known(database: Database) -> list[PackageOnSale]:
    """Every package by its code, on sale or not, and how its places stand."""
    with database.transaction() as connection:
        stored = package_queries.everything(connection)
        slugs = {one.id: one.slug for one in event_queries.everything(connection)}
        named = {one.id: one.name for one in router_queries.everyone(connection)}
        types = {
            place.id: place
            for event_id in {one.event_id for one in stored}
            for place in ticket_type_queries.of(connection, event_id)
        }
    return [
        PackageOnSale(one, types[one.ticket_type_id], slugs[one.event_id], named[one.router_id])
        for one in stored
    ]


def _known(
    connection: Connection, event: Event, code: str, *, at: datetime
) -> StoredPackage | None:
    """The event's package of that code, locked; another event gives up one that is closed."""
    known = package_queries.lock(connection, code)
    if known is None or known.event_id == event.id:
        return known
    if known.on_sale:
        raise UnusablePackage(
            f"package {code} is on sale at another event; `ticketing package close {code}` first,"
            " or choose another code"
        )
    _retire(connection, known, at=at)
    return None


def _router(connection: Connection, known: StoredPackage | None, said: PackageTerms) -> int:
    if said.router is not None:
        return router_queries.lock(connection, said.router).id
    if known is None:
        raise UnusablePackage(
            "a new package needs a router: `ticketing router add` makes one known"
        )
    return known.router_id


def _package(code: str, known: StoredPackage | None, said: PackageTerms) -> Package:
    """What it brings from now on. A package's own words say what of it cannot be."""
    was = known.package if known else None
    missing = [
        name for name in ("name", "price", "profile", "validity")
        if was is None and getattr(said, name) is None
    ]  # fmt: skip
    if missing:
        raise UnusablePackage(f"{code} is a new package: say its {', '.join(missing)}")
    changes = {
        one.name: getattr(said, one.name)
        for one in fields(Package)
        if one.name != "code" and getattr(said, one.name) is not None
    }
    for limit in ("unused_for", "online_limit", "bytes_limit"):
        if changes.get(limit) in (NO_TIME, 0):
            changes[limit] = None
    return Package(code=code, **changes) if was is None else replace(was, **changes)


def _rule(known: StoredPackage | None, said: PackageTerms) -> CodeRule:
    was = known.rule if known else CodeRule()
    return CodeRule(
        _chosen(said.prefix, was.prefix),
        _chosen(said.alphabet, was.alphabet),
        _chosen(said.length, was.length),
        _chosen(said.password_length, was.password_length) or None,
    )


def _place(
    connection: Connection,
    event: Event,
    known: StoredPackage | None,
    package: Package,
    said: PackageTerms,
    *,
    at: datetime,
) -> tuple[TypeForSale, Terms]:
    """The ticket type that it is sold by, locked, and its terms."""
    if said.per_order is not None and not 1 <= said.per_order <= MOST_A_PURCHASE:
        raise UnusablePackage(f"a purchase is of 1 to {MOST_A_PURCHASE} vouchers")
    terms = Terms(package.price, said.capacity, said.per_order, said.per_buyer)
    if known is None:
        per_order = _chosen(said.per_order, MOST_A_PURCHASE)
        return _new_place(connection, event, package.name), replace(terms, per_order=per_order)
    place = ticket_type_queries.add(
        connection, event.id, known.package.name
    )  # it is there: to lock it
    if _brings(known.package) != _brings(package) and package_queries.is_sold(connection, place.id):
        _retire(connection, known, at=at)
        return _succeeding(connection, event, package.name, place), terms
    if package.name != place.name:
        _refuse_if_taken(connection, event, package.name)
        ticket_type_queries.change(connection, place.id, {"name": package.name})
    return place, terms


def _brings(package: Package) -> Package:
    """What a buyer has of it, whatever it costs and is called."""
    return replace(package, name="", price=NOTHING)


def _retire(connection: Connection, known: StoredPackage, *, at: datetime) -> None:
    """Let it go on for those who have it, closed; what nobody bought of it ends."""
    place = ticket_type_queries.add(connection, known.event_id, known.package.name)
    taken_names = {one.name for one in ticket_type_queries.of(connection, known.event_id)}
    taken_codes = {one.package.code for one in package_queries.everything(connection)}
    for number in count(1):
        version = f"-v{number}"
        code = known.package.code[: LONGEST_CODE - len(version)] + version
        name = f"{place.name} (v{number})"
        if code not in taken_codes and name not in taken_names:
            break
    package_queries.retire(connection, place.id, code)
    transition_queries.end_unsold(connection, place.id, at=at)
    taken = place.stock.pending + place.stock.sold
    capacity = None if place.stock.capacity is None else taken
    ticket_type_queries.change(
        connection, place.id, {"name": name, "on_sale": False, "capacity": capacity}
    )


def _succeeding(
    connection: Connection, event: Event, name: str, before: TypeForSale
) -> TypeForSale:
    """A ticket type in the place of one that was retired: what that had left, under its limits."""
    place = _new_place(connection, event, name)
    limits = {
        "capacity": before.stock.available,
        "max_per_order": before.limits.per_order,
        "max_per_buyer": before.limits.per_buyer,
    }
    ticket_type_queries.change(connection, place.id, limits)
    return place


def _new_place(connection: Connection, event: Event, name: str) -> TypeForSale:
    _refuse_if_taken(connection, event, name)
    return ticket_type_queries.add(connection, event.id, name)


def _refuse_if_taken(connection: Connection, event: Event, name: str) -> None:
    if ticket_type_queries.lock(connection, event.id, name) is not None:
        raise UnusablePackage(
            f"{event.slug} has a ticket type {name!r}; a package needs a name of its own"
        )


def _chosen(said: T | None, was: T) -> T:
    return was if said is None else said


def _written(said: PackageTerms) -> dict[str, object]:
    """What was said, for the log."""
    words = {one.name: getattr(said, one.name) for one in fields(said)}
    return {name: str(word) for name, word in words.items() if word is not None}
