"""Test sale: places at a graduation and packages of a hotspot with two routers."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from chaos.environment import PROFILES, ROUTERS, USER, SimulatedEnvironment
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import NewEvent
from ticketing.events.service import add_event
from ticketing.platform.application import Application
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.sales import promos, ticket_types
from ticketing.platform.kernel.money import Rupiah
from ticketing.vouchers.model import ValidityStart
from ticketing.vouchers.packages import PackageTerms, put_package
from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router

ACTOR = "chaos"


@dataclass(frozen=True, slots=True)
class SaleOffer:
    """Events, ticket types and packages on sale."""

    events: tuple[int, int]  # the graduation, the hotspot
    ticket_types: tuple[int, ...]
    packages: tuple[str, ...]


def open_sale(application: Application, environment: SimulatedEnvironment) -> SaleOffer:
    """Create the events, routers and packages and put them on sale."""
    graduation, kinds = _create_graduation(application)
    hotspot, codes = _create_hotspot(application, environment)
    return SaleOffer((graduation, hotspot), kinds, codes)


def _create_graduation(application: Application) -> tuple[int, tuple[int, ...]]:
    at = datetime.now(UTC)
    event = {"slug": "wisuda", "name": "Wisuda", "starts_at": at + timedelta(days=22)}
    place = {"time_zone": "Asia/Jakarta", "locale": "id", "venue": "Grha", "region": "ID"}
    code = {"code": "HEMAT", "kind": "percent", "value": 10, "max_uses": 15, "valid_from": at}
    with application.database.transaction() as connection:
        event_id = connection.execute(
            insert(events)
            .values(event | place | {"ends_at": at + timedelta(days=23)})
            .returning(events.c.id)
        ).scalar_one()
        kinds = connection.execute(
            insert(ticket_types)
            .values(
                [
                    {"event_id": event_id, "on_sale": True, **terms}
                    for terms in (
                        {"name": "Reguler", "price": 50_000, "capacity": 5000},
                        {"name": "Kursi depan", "price": 150_000, "capacity": 40},
                    )
                ]
            )
            .returning(ticket_types.c.id)
        ).scalars()
        numbers = tuple(kinds)
        until = {"event_id": event_id, "valid_until": at + timedelta(days=1)}
        connection.execute(insert(promos).values(code | until))
    return event_id, numbers


def _create_hotspot(
    application: Application, environment: SimulatedEnvironment
) -> tuple[int, tuple[str, ...]]:
    """Create two packages per router: password equal to the code, and a separate password."""
    at, codes = datetime.now(UTC), []
    outlet = NewEvent(
        "hotspot", "Hotspot", at, at + timedelta(days=900), "Asia/Jakarta", "id", "Jalan Melati",
        "ID", "classic",
    )  # fmt: skip
    event = add_event(application.database, outlet, by=ACTOR)
    for name in ROUTERS:
        router = environment.routers[name]
        reached = NewRouter(
            router.host, USER, environment.password_of(name), router.port, tls=False
        )
        add_router(application.database, application.get(KeyRing), name, reached, by=ACTOR)
        day = PackageTerms(
            name=f"Sehari di {name}", price=Rupiah(5_000), profile=PROFILES[0], router=name,
            validity=timedelta(days=1), prefix=f"{name}-",
        )  # fmt: skip
        week = PackageTerms(
            name=f"Seminggu di {name}", price=Rupiah(20_000), profile=PROFILES[1], router=name,
            validity=timedelta(days=7), counting=ValidityStart.FROM_SALE, prefix=f"{name}-",
            password_length=8,
        )  # fmt: skip
        for code, terms in ((f"hari-{name}", day), (f"minggu-{name}", week)):
            put_package(application.database, event, code, terms, at=at, by=ACTOR)
            codes.append(code)
    return event.id, tuple(codes)
