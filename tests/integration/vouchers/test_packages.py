"""Tests of packages: ticket types that sell vouchers; sold vouchers keep their terms."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.stock import PurchaseLimits, Stock
from ticketing.events.model import Event, NewEvent
from ticketing.events.service import add_event
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.kernel.errors import NotOnSale, Refused, UnusablePackage
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers.credentials import CodeRule
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.packages import PackageTerms, close_package, put_package
from ticketing.vouchers.queries import Voucher

OTHER = NewEvent(
    "kantin", "Kantin", datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC),
    "Asia/Jakarta", "id", "Kantin", "ID", "classic",
)  # fmt: skip
PutOnSale = Callable[..., StoredPackage]


@pytest.fixture
def put_on_sale(
    database: Database, event: Event, stored_router: StoredRouter, now: datetime
) -> PutOnSale:
    """Return a function that adds or changes the package `5k`, by default an hour for Rp5.000."""
    new = {
        "name": "Paket 5 ribu", "price": Rupiah(5_000), "profile": "1h",
        "router": stored_router.name, "validity": timedelta(hours=1),
    }  # fmt: skip

    def store(code: str = "5k", *, is_new: bool = True, **said: object) -> StoredPackage:
        terms = PackageTerms(**(new if is_new else {}) | said)  # type: ignore[arg-type]
        return put_package(database, event, code, terms, at=now, by="organiser")

    return store


@pytest.fixture
def list_packages(
    database: Database, event: Event
) -> Callable[[], dict[str, tuple[str, bool, Stock]]]:
    """Return a function that reads name, sale state and stock of every package."""

    def fetch() -> dict[str, tuple[str, bool, Stock]]:
        with database.transaction() as connection:
            types = {
                one.id: one for one in ticket_type_queries.list_for_event(connection, event.id)
            }
            return {
                one.package.code: (
                    one.package.name, one.on_sale, types[one.ticket_type_id].stock,
                )
                for one in package_queries.list_all(connection)
            }  # fmt: skip

    return fetch


def test_a_package_is_a_ticket_type_on_sale_that_is_made_on_a_router(
    put_on_sale: PutOnSale, database: Database, event: Event, stored_router: StoredRouter
) -> None:
    stored = put_on_sale(
        validity_start=ValidityStart.FROM_SALE, bytes_limit=2 * 10**9, prefix="wf", length=9,
        pool_size=4, capacity=100,
    )  # fmt: skip

    with database.transaction() as connection:
        (place,) = ticket_type_queries.list_for_event(connection, event.id)
        audit_entries = connection.execute(select(audit_log.c.action, audit_log.c.subject)).all()
    assert (place.name, place.price, place.on_sale) == ("Paket 5 ribu", Rupiah(5_000), True)
    assert (place.stock, place.limits) == (Stock(100, 0, 0), PurchaseLimits(500, None))
    assert (stored.ticket_type_id, stored.router_id, stored.pool_size) == (
        place.id,
        stored_router.id,
        4,
    )
    assert stored.package.bytes_limit == 2 * 10**9
    assert stored.package.validity_start is ValidityStart.FROM_SALE
    assert stored.rule == CodeRule("wf", length=9)
    assert [tuple(audit_entry) for audit_entry in audit_entries] == [("packages.save", "5k")]


def test_omitted_fields_are_kept_and_an_empty_value_removes_a_limit(put_on_sale: PutOnSale) -> None:
    put_on_sale(unused_expiry=timedelta(days=30), bytes_limit=10**9, password_length=8, prefix="wf")

    changed = put_on_sale(
        is_new=False, name="Hemat", unused_expiry=timedelta(0), bytes_limit=0, password_length=0
    )

    assert (changed.package.name, changed.package.validity) == ("Hemat", timedelta(hours=1))
    assert (changed.package.unused_expiry, changed.package.bytes_limit) == (None, None)
    assert changed.rule == CodeRule("wf")


def test_sold_vouchers_keep_their_terms(
    put_on_sale: PutOnSale,
    buy: Callable[..., Order],
    list_packages: Callable[[], dict[str, tuple[str, bool, Stock]]],
    list_vouchers: Callable[[], list[Voucher]],
    database: Database,
) -> None:
    before = put_on_sale(capacity=10)
    buy(before, 3)

    after = put_on_sale(is_new=False, validity=timedelta(hours=2), price=Rupiah(9_000))

    buy(after)
    with database.transaction() as connection:
        brought = package_queries.find_by_ticket_types(
            connection, [one.ticket_type_id for one in list_vouchers()]
        )
    lasts = [brought[one.ticket_type_id].package.validity for one in list_vouchers()]
    assert lasts == [timedelta(hours=1)] * 3 + [timedelta(hours=2)]
    assert list_packages() == {
        "5k": ("Paket 5 ribu", True, Stock(7, 0, 1)),
        "5k-v1": ("Paket 5 ribu (v1)", False, Stock(3, 0, 3)),
    }


def test_a_new_price_or_name_needs_no_new_package(
    put_on_sale: PutOnSale,
    buy: Callable[..., Order],
    list_packages: Callable[[], dict[str, tuple[str, bool, Stock]]],
) -> None:
    buy(put_on_sale())

    put_on_sale(is_new=False, price=Rupiah(6_000), name="Paket 6 ribu")

    assert list_packages() == {"5k": ("Paket 6 ribu", True, Stock(None, 0, 1))}


def test_another_event_has_a_code_once_it_is_closed(
    put_on_sale: PutOnSale,
    database: Database,
    event: Event,
    now: datetime,
    stored_router: StoredRouter,
) -> None:
    put_on_sale()
    other = add_event(database, OTHER, by="organiser")
    terms = PackageTerms(
        name="Paket",
        price=Rupiah(1),
        profile="1h",
        router=stored_router.name,
        validity=timedelta(hours=1),
    )
    with pytest.raises(UnusablePackage, match="on sale at another event"):
        put_package(database, other, "5k", terms, at=now, by="organiser")
    close_package(database, "5k", by="organiser")

    moved = put_package(database, other, "5k", terms, at=now, by="organiser")

    with database.transaction() as connection:
        codes = {one.package.code: one.event_id for one in package_queries.list_all(connection)}
    assert codes == {"5k": moved.event_id, "5k-v1": event.id}


def test_pool_vouchers_of_changed_terms_are_revoked(
    put_on_sale: PutOnSale,
    database: Database,
    now: datetime,
    list_vouchers: Callable[[], list[Voucher]],
) -> None:
    stored = put_on_sale(pool_size=1)
    credentials = stored.rule.generate_credentials(bytes(32))
    ahead = voucher_queries.NewVoucher(
        "VAHEAD", stored.ticket_type_id, stored.router_id, credentials
    )
    with database.transaction() as connection:
        voucher_queries.insert_pending(connection, [ahead], at=now)

    put_on_sale(is_new=False, profile="2h")

    (gone,) = list_vouchers()
    assert (gone.state, gone.revoked_reason) == (VoucherState.REMOVED, "cleaned up")


@pytest.fixture
def refusal(put_on_sale: PutOnSale) -> Callable[..., str]:
    """Return a function that returns the error for a refused package."""

    def ask(said: dict[str, object]) -> str:
        with pytest.raises(Refused) as refused:
            put_on_sale(**said)
        return str(refused.value)

    return ask


def test_impossible_or_guessable_packages_are_refused_and_not_stored(
    put_on_sale: PutOnSale,
    list_packages: Callable[[], dict[str, tuple[str, bool, Stock]]],
    refusal: Callable[[dict[str, object]], str],
) -> None:
    put_on_sale("lama", name="Paket lama")
    refused: list[tuple[dict[str, object], str]] = [
        ({"router": "attic"}, "there is no router 'attic' (known: lobby)"),
        ({"profile": "satu jam …"}, "is no profile name; use 1 to 64 ASCII characters"),
        ({"validity": timedelta(0)}, "validity must be whole seconds, at least 1"),
        ({"length": 3}, "make them longer, or the alphabet larger"),
        ({"prefix": "a,b"}, "'a,b': a prefix has at most 16"),
        ({"per_order": 501}, "per_order must be 1 to 500"),
        ({"name": None}, "5k is a new package; give its name"),
        ({"router": None}, "a new package needs a router: `ticketing routers create`"),
        ({"code": "5 K"}, "a package code has 1 to 32 of a-z, 0-9 and hyphens"),
        ({"name": "Paket lama"}, "choose another name for the package"),
    ]

    told = [refusal(said) for said, _ in refused]

    assert [why for (_, why), said in zip(refused, told, strict=True) if why not in said] == []
    assert list(list_packages()) == ["lama"]


def test_a_package_that_is_closed_is_not_sold_any_more(
    put_on_sale: PutOnSale, buy: Callable[..., Order], database: Database
) -> None:
    stored = put_on_sale()

    closed = [close_package(database, "5k", by="organiser") for _ in range(2)]

    assert closed == [True, False]
    with pytest.raises(NotOnSale, match="not on sale"):
        buy(stored)
