"""Voucher packages: what a ticket type of that name and price brings on a router."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.sales import order_lines, ticket_types
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.platform.kernel.errors import UnknownPackage
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers.credentials import CodeRule
from ticketing.vouchers.model import Package, ValidityStart


@dataclass(frozen=True, slots=True)
class StoredPackage:
    """A package, where it is sold and on which router it is made."""

    ticket_type_id: int
    event_id: int
    on_sale: bool
    router_id: int
    package: Package
    rule: CodeRule
    made_ahead: int  # so many are kept on the router unsold


def upsert(
    connection: Connection,
    ticket_type_id: int,
    package: Package,
    rule: CodeRule,
    *,
    router_id: int,
    pool_size: int,
) -> None:
    """Store what a ticket type brings; its name and price stand with the ticket type."""
    values = {
        "code": package.code,
        "router_id": router_id,
        "profile": package.profile,
        "validity": package.validity,
        "counting": package.counting,
        "unused_for": package.unused_for,
        "online_limit": package.online_limit,
        "bytes_limit": package.bytes_limit,
        "shared_users": package.shared_users,
        "prefix": rule.prefix,
        "alphabet": rule.alphabet,
        "code_length": rule.length,
        "password_length": rule.password_length,
        "made_ahead": pool_size,
    }
    statement = insert(packages).values(ticket_type_id=ticket_type_id, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["ticket_type_id"], set_=values)
    )


def list_all(connection: Connection) -> list[StoredPackage]:
    """Every package, by its code."""
    return _select(connection)


def get_by_code(connection: Connection, code: str) -> StoredPackage:
    """The package of that code; refuses an unknown one."""
    found = _select(connection, packages.c.code == code)
    if not found:
        known = ", ".join(one.package.code for one in list_all(connection)) or "none"
        raise UnknownPackage(f"no package is called {code!r} (known: {known})")
    return found[0]


def lock_by_code(connection: Connection, code: str) -> StoredPackage | None:
    """The package of that code, if there is one, locked until the transaction ends."""
    connection.execute(select(packages.c.code).where(packages.c.code == code).with_for_update())
    return next(iter(_select(connection, packages.c.code == code)), None)


def list_on_router(connection: Connection, router_id: int) -> list[StoredPackage]:
    """Those that are made on a router, sold now or not."""
    return _select(connection, packages.c.router_id == router_id)


def is_in_use(connection: Connection, ticket_type_id: int) -> bool:
    """Whether anybody ever ordered of a package, or vouchers of it were made ahead."""
    ordered = exists().where(order_lines.c.ticket_type_id == ticket_type_id)
    made = exists().where(vouchers.c.ticket_type_id == ticket_type_id)
    return bool(connection.execute(select(or_(ordered, made))).scalar_one())


def retire(connection: Connection, ticket_type_id: int, code: str) -> None:
    """Let a package keep its terms under another code; nothing of it is made ahead any more."""
    connection.execute(
        update(packages)
        .where(packages.c.ticket_type_id == ticket_type_id)
        .values(code=code, made_ahead=0)
    )


def find_by_ticket_types(
    connection: Connection, ticket_type_ids: Sequence[int]
) -> dict[int, StoredPackage]:
    """Those of these ticket types that are packages, by the type's number."""
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
        counting=ValidityStart(row.counting),
        unused_for=row.unused_for,
        online_limit=row.online_limit,
        bytes_limit=row.bytes_limit,
        shared_users=row.shared_users,
    )
    rule = CodeRule(row.prefix, row.alphabet, row.code_length, row.password_length)
    return StoredPackage(
        row.ticket_type_id, row.event_id, row.on_sale, row.router_id, package, rule, row.made_ahead
    )
