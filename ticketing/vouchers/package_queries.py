"""Queries for voucher packages: the router and terms of a ticket type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.vouchers import packages, routers, vouchers
from ticketing.platform.kernel.errors import UnknownPackage
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers.credentials import CodeRule
from ticketing.vouchers.model import Package, ValidityStart, VoucherState


@dataclass(frozen=True, slots=True)
class StoredPackage:
    """A package with its ticket type, event, router and rule for codes."""

    ticket_type_id: int
    event_id: int
    on_sale: bool
    router_id: int
    package: Package
    rule: CodeRule
    pool_size: int  # size of the pool


def upsert(
    connection: Connection,
    ticket_type_id: int,
    package: Package,
    rule: CodeRule,
    *,
    router_id: int,
    pool_size: int,
) -> None:
    """Store the package of a ticket type; name and price are stored with the ticket type."""
    values = {
        "code": package.code,
        "router_id": router_id,
        "profile": package.profile,
        "validity": package.validity,
        "validity_start": package.validity_start,
        "unused_expiry": package.unused_expiry,
        "online_limit": package.online_limit,
        "bytes_limit": package.bytes_limit,
        "shared_users": package.shared_users,
        "prefix": rule.prefix,
        "alphabet": rule.alphabet,
        "code_length": rule.length,
        "password_length": rule.password_length,
        "pool_size": pool_size,
    }
    statement = insert(packages).values(ticket_type_id=ticket_type_id, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["ticket_type_id"], set_=values)
    )


def list_all(connection: Connection) -> list[StoredPackage]:
    """Return every package, ordered by code."""
    return _select(connection)


def get_by_code(connection: Connection, code: str) -> StoredPackage:
    """Return the package with this code; raise UnknownPackage if there is none."""
    found = _select(connection, packages.c.code == code)
    if not found:
        known = ", ".join(one.package.code for one in list_all(connection)) or "none"
        raise UnknownPackage(f"there is no package {code!r} (known: {known})")
    return found[0]


def lock_by_code(connection: Connection, code: str) -> StoredPackage | None:
    """Return the package with this code, locked until the transaction ends, or None."""
    connection.execute(select(packages.c.code).where(packages.c.code == code).with_for_update())
    return next(iter(_select(connection, packages.c.code == code)), None)


def list_on_router(connection: Connection, router_id: int) -> list[StoredPackage]:
    """Return the packages of a router, on sale or not."""
    return _select(connection, packages.c.router_id == router_id)


def list_delayed(connection: Connection, event_id: int) -> set[int]:
    """Return the ticket types whose vouchers wait: the router is down, and none is in the pool."""
    is_pooled = exists().where(
        vouchers.c.ticket_type_id == packages.c.ticket_type_id,
        vouchers.c.order_line_id.is_(None),
        vouchers.c.state == VoucherState.ACTIVE,
    )
    query = (
        select(packages.c.ticket_type_id)
        .join(ticket_types, ticket_types.c.id == packages.c.ticket_type_id)
        .join(routers, routers.c.id == packages.c.router_id)
        .where(ticket_types.c.event_id == event_id, routers.c.failure_count > 0, ~is_pooled)
    )
    return set(connection.execute(query).scalars())


def is_in_use(connection: Connection, ticket_type_id: int) -> bool:
    """Return whether the package was ever ordered or has pooled vouchers."""
    ordered = exists().where(order_lines.c.ticket_type_id == ticket_type_id)
    made = exists().where(vouchers.c.ticket_type_id == ticket_type_id)
    return bool(connection.execute(select(or_(ordered, made))).scalar_one())


def retire(connection: Connection, ticket_type_id: int, code: str) -> None:
    """Store the package under another code with an empty pool; its terms stay unchanged."""
    connection.execute(
        update(packages)
        .where(packages.c.ticket_type_id == ticket_type_id)
        .values(code=code, pool_size=0)
    )


def find_by_ticket_types(
    connection: Connection, ticket_type_ids: Sequence[int]
) -> dict[int, StoredPackage]:
    """Return the packages of these ticket types, by ticket type id."""
    found = _select(connection, packages.c.ticket_type_id.in_(ticket_type_ids))
    return {one.ticket_type_id: one for one in found}


def _select(connection: Connection, *conditions: ColumnElement[bool]) -> list[StoredPackage]:
    query = (
        select(
            *packages.c,
            ticket_types.c.event_id,
            ticket_types.c.name,
            ticket_types.c.price,
            ticket_types.c.on_sale,
        )
        .join(ticket_types, ticket_types.c.id == packages.c.ticket_type_id)
        .where(*conditions)
        .order_by(packages.c.code)
    )
    return [_package_from_row(row) for row in connection.execute(query)]


def _package_from_row(row: Row[*tuple[Any, ...]]) -> StoredPackage:
    package = Package(
        code=row.code,
        name=row.name,
        price=Rupiah(row.price),
        profile=row.profile,
        validity=row.validity,
        validity_start=ValidityStart(row.validity_start),
        unused_expiry=row.unused_expiry,
        online_limit=row.online_limit,
        bytes_limit=row.bytes_limit,
        shared_users=row.shared_users,
    )
    rule = CodeRule(row.prefix, row.alphabet, row.code_length, row.password_length)
    return StoredPackage(
        row.ticket_type_id, row.event_id, row.on_sale, row.router_id, package, rule, row.pool_size
    )
