"""Packages on sale: create, change, close and list.

A package is a ticket type of its event, so price, stock and limits follow the rules for tickets.
Sold vouchers keep the terms of their sale: changed terms create a new package with the same code,
and the previous one is closed and kept for its buyers.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.catalogue.ticket_types import SaleTerms, apply_sale_terms, check_event_not_cancelled
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import AlreadyExists, UnknownPackage, UnusablePackage
from ticketing.platform.kernel.money import ZERO, Rupiah
from ticketing.routers import queries as router_queries
from ticketing.routers.credentials import CodeRule
from ticketing.vouchers import package_queries, transition_queries
from ticketing.vouchers.model import Package, ValidityStart
from ticketing.vouchers.package_queries import StoredPackage

MAX_PER_PURCHASE = 500
MAX_CODE_LENGTH = 32
NO_TIME = timedelta(0)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTerms:
    """Requested terms of a package. None keeps the current value; 0 removes a limit.

    A new package needs a name, a price, a profile, a router and a validity.
    """

    name: str | None = None
    price: Rupiah | None = None
    profile: str | None = None
    router: str | None = None
    validity: timedelta | None = None
    validity_start: ValidityStart | None = None
    unused_expiry: timedelta | None = None
    online_limit: timedelta | None = None
    bytes_limit: int | None = None
    shared_users: int | None = None
    prefix: str | None = None
    alphabet: str | None = None
    length: int | None = None
    password_length: int | None = None
    pool_size: int | None = None
    capacity: int | None = None
    per_order: int | None = None
    per_buyer: int | None = None


@dataclass(frozen=True, slots=True)
class PackageOnSale:
    """A package with its stock and the names of its event and router."""

    stored: StoredPackage
    sale: TicketTypeListing
    event: str
    router: str


def put_package(
    database: Database,
    event: Event,
    code: str,
    requested: PackageTerms,
    *,
    at: datetime,
    by: str,
    is_new: bool | None = None,
) -> StoredPackage:
    """Create or change a package for future buyers; the same terms again change nothing.

    Raise UnusablePackage for terms that no router can apply, codes that could be guessed, and a
    code that is on sale at another event.
    """
    with database.transaction() as connection:
        check_event_not_cancelled(connection, event)
        known = _lock_existing_package(connection, event, code, at=at)
        if is_new is True and known is not None:
            raise AlreadyExists(
                f"{event.slug} has a package {code}; to change it: `ticketing packages update`"
            )
        if is_new is False and known is None:
            raise UnknownPackage(
                f"{event.slug} has no package {code!r}; to put it on sale:"
                " `ticketing packages create`"
            )
        router = _resolve_router_id(connection, known, requested)
        package, rule = _merge_package(code, known, requested), _merge_code_rule(known, requested)
        ticket_type, terms = _prepare_ticket_type(
            connection, event, known, package, requested, at=at
        )
        pool = _value_or_default(requested.pool_size, known.pool_size if known else 0)
        apply_sale_terms(connection, ticket_type, terms)
        package_queries.upsert(
            connection, ticket_type.id, package, rule, router_id=router, pool_size=pool
        )
        audit_log.record(
            connection,
            actor=by,
            action="packages.save",
            event_id=event.id,
            subject=code,
            items=1,
            details=_audit_details(requested),
        )
        return package_queries.get_by_code(connection, code)


def close_package(database: Database, code: str, *, by: str) -> bool:
    """Take a package off sale; return whether it was on sale. Pending orders can still be paid."""
    with database.transaction() as connection:
        package_queries.lock_by_code(connection, code)
        known = package_queries.get_by_code(connection, code)
        if known.on_sale:
            ticket_type_queries.update_ticket_type(
                connection, known.ticket_type_id, {"on_sale": False}
            )
            audit_log.record(
                connection,
                actor=by,
                action="packages.disable",
                event_id=known.event_id,
                subject=code,
                items=1,
            )
    return known.on_sale


def list_packages(database: Database) -> list[PackageOnSale]:
    """Return every package ordered by code, on sale or not, with its stock."""
    with database.transaction() as connection:
        stored = package_queries.list_all(connection)
        slugs = {one.id: one.slug for one in event_queries.list_events(connection)}
        router_names = {one.id: one.name for one in router_queries.list_all(connection)}
        types = {
            ticket_type.id: ticket_type
            for event_id in {one.event_id for one in stored}
            for ticket_type in ticket_type_queries.list_for_event(connection, event_id)
        }
    return [
        PackageOnSale(
            one, types[one.ticket_type_id], slugs[one.event_id], router_names[one.router_id]
        )
        for one in stored
    ]


def _lock_existing_package(
    connection: Connection, event: Event, code: str, *, at: datetime
) -> StoredPackage | None:
    """Return the event's package with this code, locked; retire a closed one of another event."""
    known = package_queries.lock_by_code(connection, code)
    if known is None or known.event_id == event.id:
        return known
    if known.on_sale:
        raise UnusablePackage(
            f"package {code} is on sale at another event: use another code, or end that sale by"
            f" `ticketing packages disable {code}`"
        )
    _retire_package(connection, known, at=at)
    return None


def _resolve_router_id(
    connection: Connection, existing: StoredPackage | None, requested: PackageTerms
) -> int:
    if requested.router is not None:
        return router_queries.lock_by_name(connection, requested.router).id
    if existing is None:
        raise UnusablePackage("a new package needs a router: `ticketing routers create` adds one")
    return existing.router_id


def _merge_package(code: str, existing: StoredPackage | None, requested: PackageTerms) -> Package:
    """Return the package with the requested terms; raise UnusablePackage for impossible ones."""
    current = existing.package if existing else None
    missing = [
        name for name in ("name", "price", "profile", "validity")
        if current is None and getattr(requested, name) is None
    ]  # fmt: skip
    if missing:
        raise UnusablePackage(f"{code} is a new package; give its {', '.join(missing)}")
    changes = {
        one.name: getattr(requested, one.name)
        for one in fields(Package)
        if one.name != "code" and getattr(requested, one.name) is not None
    }
    for limit in ("unused_expiry", "online_limit", "bytes_limit"):
        if changes.get(limit) in (NO_TIME, 0):
            changes[limit] = None
    return Package(code=code, **changes) if current is None else replace(current, **changes)


def _merge_code_rule(existing: StoredPackage | None, requested: PackageTerms) -> CodeRule:
    current = existing.rule if existing else CodeRule()
    return CodeRule(
        _value_or_default(requested.prefix, current.prefix),
        _value_or_default(requested.alphabet, current.alphabet),
        _value_or_default(requested.length, current.length),
        _value_or_default(requested.password_length, current.password_length) or None,
    )


def _prepare_ticket_type(
    connection: Connection,
    event: Event,
    existing: StoredPackage | None,
    package: Package,
    requested: PackageTerms,
    *,
    at: datetime,
) -> tuple[TicketTypeListing, SaleTerms]:
    """Return the package's ticket type, locked, and its terms of sale."""
    if requested.per_order is not None and not 1 <= requested.per_order <= MAX_PER_PURCHASE:
        raise UnusablePackage(f"per_order must be 1 to {MAX_PER_PURCHASE}")
    terms = SaleTerms(package.price, requested.capacity, requested.per_order, requested.per_buyer)
    if existing is None:
        per_order = _value_or_default(requested.per_order, MAX_PER_PURCHASE)
        return _add_ticket_type(connection, event, package.name), replace(
            terms, per_order=per_order
        )
    # it exists; this locks it
    ticket_type = ticket_type_queries.get_or_insert(connection, event.id, existing.package.name)
    if _without_name_and_price(existing.package) != _without_name_and_price(
        package
    ) and package_queries.is_in_use(connection, ticket_type.id):
        _retire_package(connection, existing, at=at)
        return _add_successor_ticket_type(connection, event, package.name, ticket_type), terms
    if package.name != ticket_type.name:
        _check_name_is_free(connection, event, package.name)
        ticket_type_queries.update_ticket_type(connection, ticket_type.id, {"name": package.name})
    return ticket_type, terms


def _without_name_and_price(package: Package) -> Package:
    """Return the terms that a sold voucher depends on."""
    return replace(package, name="", price=ZERO)


def _retire_package(connection: Connection, package: StoredPackage, *, at: datetime) -> None:
    """Close the package under a versioned code and name; revoke its unsold vouchers."""
    ticket_type = ticket_type_queries.get_or_insert(
        connection, package.event_id, package.package.name
    )
    taken_names = {
        one.name for one in ticket_type_queries.list_for_event(connection, package.event_id)
    }
    taken_codes = {one.package.code for one in package_queries.list_all(connection)}
    for number in count(1):
        version = f"-v{number}"
        code = package.package.code[: MAX_CODE_LENGTH - len(version)] + version
        name = f"{ticket_type.name} (v{number})"
        if code not in taken_codes and name not in taken_names:
            break
    package_queries.retire(connection, ticket_type.id, code)
    transition_queries.revoke_unsold(connection, ticket_type.id, at=at)
    taken = ticket_type.stock.pending + ticket_type.stock.sold
    capacity = None if ticket_type.stock.capacity is None else taken
    ticket_type_queries.update_ticket_type(
        connection, ticket_type.id, {"name": name, "on_sale": False, "capacity": capacity}
    )


def _add_successor_ticket_type(
    connection: Connection, event: Event, name: str, predecessor: TicketTypeListing
) -> TicketTypeListing:
    """Add a ticket type with the remaining stock and the limits of the retired one."""
    ticket_type = _add_ticket_type(connection, event, name)
    limits = {
        "capacity": predecessor.stock.available,
        "max_per_order": predecessor.limits.per_order,
        "max_per_buyer": predecessor.limits.per_buyer,
    }
    ticket_type_queries.update_ticket_type(connection, ticket_type.id, limits)
    return ticket_type


def _add_ticket_type(connection: Connection, event: Event, name: str) -> TicketTypeListing:
    _check_name_is_free(connection, event, name)
    return ticket_type_queries.get_or_insert(connection, event.id, name)


def _check_name_is_free(connection: Connection, event: Event, name: str) -> None:
    if ticket_type_queries.lock_by_name(connection, event.id, name) is not None:
        raise UnusablePackage(
            f"{event.slug} has a ticket type {name!r}; choose another name for the package"
        )


def _value_or_default(requested: T | None, default: T) -> T:
    return default if requested is None else requested


def _audit_details(requested: PackageTerms) -> dict[str, object]:
    """Return the requested terms for the audit log."""
    terms = {one.name: getattr(requested, one.name) for one in fields(requested)}
    return {name: str(value) for name, value in terms.items() if value is not None}
