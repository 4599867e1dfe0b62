"""Administration of routers: add, check, remove."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import is_slug
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import AlreadyExists, RouterNeeded, UnusableRouter
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.certificates import check_ca_certificate
from ticketing.routers.routeros.client import RouterClient
from ticketing.routers.routeros.parsing import RouterHealth
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import ProfileMismatch, profile_mismatches
from ticketing.vouchers.package_queries import StoredPackage

MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class NewRouter:
    """Address and login of a router, and how its certificate is trusted."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int
    tls: bool = True
    ca_certificate: str = field(default="", repr=False)  # PEM
    fingerprint: str = ""  # SHA-256 in hex

    def __post_init__(self) -> None:
        """Raise UnusableRouter, with the field, for values that cannot work."""
        if not self.host.strip() or not self.host.isprintable():
            raise UnusableRouter("host is empty; give a name or an IP address", field="host")
        if not 1 <= self.port <= MAX_PORT:
            raise UnusableRouter(f"port {self.port} must be 1 to {MAX_PORT}", field="port")
        if not self.user or not self.password:
            raise UnusableRouter("user and password must not be empty", field="user")
        if self.ca_certificate:
            check_ca_certificate(self.ca_certificate)
        if self.ca_certificate and self.fingerprint:
            raise UnusableRouter("give an authority or a fingerprint", field="fingerprint")
        if not self.tls and (self.ca_certificate or self.fingerprint):
            raise UnusableRouter("a certificate needs TLS; use --tls", field="tls")


@dataclass(frozen=True, slots=True)
class RouterCheck:
    """Health of a router, the rights of our account, and packages whose profiles do not match."""

    health: RouterHealth
    can_write: bool
    mismatches: list[tuple[StoredPackage, list[ProfileMismatch]]]


def add_router(
    database: Database,
    keys: KeyRing,
    name: str,
    new: NewRouter,
    *,
    by: str,
    is_new: bool | None = None,
) -> StoredRouter:
    """Store a router or its new address, without connecting to it."""
    if not is_slug(name):
        raise UnusableRouter(
            f"{name!r} is no router name; use a-z, 0-9 and hyphens, for example lobby-1",
            field="name",
        )
    address = RouterAddress(
        new.host.strip(), new.user, keys.encrypt(new.password), new.port, tls=new.tls,
        ca_certificate=new.ca_certificate, fingerprint=new.fingerprint,
    )  # fmt: skip
    with database.transaction() as connection:
        if is_new is True and any(one.name == name for one in router_queries.list_all(connection)):
            raise AlreadyExists(
                f"router {name} exists; to change how it is reached: `ticketing routers update`"
            )
        if is_new is False:
            router_queries.lock_by_name(connection, name)
        stored = router_queries.upsert(connection, name, address)
        details = {
            "host": address.host, "port": address.port, "tls": address.tls,
            "fingerprint": address.fingerprint,
        }  # fmt: skip
        audit_log.record(
            connection, actor=by, action="routers.create", subject=name, items=1, details=details
        )
    return stored


def to_router_account(stored: StoredRouter, keys: KeyRing) -> RouterAccount:
    """Return the router's account with its password decrypted."""
    address = stored.address
    return RouterAccount(
        stored.name, address.host, address.username, keys.decrypt(address.password_encrypted),
        address.port, tls=address.tls, ca_certificate=address.ca_certificate,
        fingerprint=address.fingerprint,
    )  # fmt: skip


def check_router(database: Database, stored: StoredRouter, client: RouterClient) -> RouterCheck:
    """Read the router's health and profiles and compare them with its packages. Changes nothing."""
    with database.transaction() as connection:
        sold = package_queries.list_on_router(connection, stored.id)
    health, profiles = client.health(), client.profiles()
    found = [(one, profile_mismatches(one.package, profiles)) for one in sold if one.on_sale]
    return RouterCheck(health, client.can_write(), [(one, wrong) for one, wrong in found if wrong])


def remove_router(database: Database, name: str, *, at: datetime, by: str) -> None:
    """Remove a router; raise RouterNeeded while packages or vouchers use it."""
    with database.transaction() as connection:
        stored = router_queries.lock_by_name(connection, name)
        _raise_if_in_use(connection, stored)
        router_queries.mark_removed(connection, stored.id, at=at)
        audit_log.record(connection, actor=by, action="routers.remove", subject=name, items=1)


def _raise_if_in_use(connection: Connection, stored: StoredRouter) -> None:
    codes = [one.package.code for one in package_queries.list_on_router(connection, stored.id)]
    if codes:
        raise RouterNeeded(
            f"{stored.name}: packages {', '.join(codes)} use it; `ticketing packages update`"
            " with another --router moves them"
        )
    remaining = voucher_queries.count_on_router(connection, stored.id)
    if remaining:
        raise RouterNeeded(
            f"{stored.name}: {remaining:,} vouchers are not yet removed from it; try later"
        )
