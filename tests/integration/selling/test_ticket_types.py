"""Tests of managing ticket types and promo codes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ticketing.catalogue.promo_code import NewPromo, PromoKind
from ticketing.catalogue.promo_codes import add_promo, end_promo, list_promo_usage
from ticketing.catalogue.stock import PurchaseLimits, Stock
from ticketing.catalogue.ticket_types import SaleTerms, close_sale, list_ticket_types, open_sale
from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import CapacityTaken, NotOnSale, PromoRefused
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout.place_order import PlacedOrder

Place = Callable[..., PlacedOrder]
VIP = SaleTerms(price=Rupiah(150_000), capacity=500, per_order=4, per_buyer=6)


def test_a_type_is_put_on_sale(database: Database, event: Event) -> None:
    sold = open_sale(database, event, "VIP", VIP, by="operator")

    assert (sold.on_sale, sold.price, sold.stock) == (True, Rupiah(150_000), Stock(500, 0, 0))
    assert sold.limits == PurchaseLimits(4, 6)
    assert list_ticket_types(database, event) == [sold]


def test_the_same_again_changes_nothing(database: Database, event: Event) -> None:
    first = open_sale(database, event, "VIP", VIP, by="operator")

    assert open_sale(database, event, "VIP", VIP, by="operator") == first


def test_omitted_fields_are_kept_and_zero_removes_a_limit(database: Database, event: Event) -> None:
    open_sale(database, event, "VIP", VIP, by="operator")

    sold = open_sale(database, event, "VIP", SaleTerms(per_buyer=0), by="operator")

    assert (sold.price, sold.stock.capacity) == (Rupiah(150_000), 500)
    assert sold.limits == PurchaseLimits(4, None)


def test_a_new_type_needs_a_price(database: Database, event: Event) -> None:
    with pytest.raises(NotOnSale, match="--price"):
        open_sale(database, event, "VIP", SaleTerms(capacity=5), by="operator")

    assert list_ticket_types(database, event) == []


def test_a_type_of_the_roster_is_not_put_on_sale_without_a_price(
    database: Database, event: Event, add_guests: Callable[..., list[int]]
) -> None:
    add_guests(event, 1)

    with pytest.raises(NotOnSale, match="--price"):
        open_sale(database, event, "Graduate", SaleTerms(), by="operator")


def test_a_capacity_below_the_taken_places_is_refused(
    database: Database, event: Event, place: Place, sari: Buyer
) -> None:
    vip = open_sale(database, event, "VIP", VIP, by="operator")
    place((vip.id, 3), buyer=sari)

    with pytest.raises(CapacityTaken, match=r"below the 3 places taken \(3 pending, 0 sold\)"):
        open_sale(database, event, "VIP", SaleTerms(capacity=2), by="operator")

    assert list_ticket_types(database, event)[0].stock == Stock(500, 3, 0)
    assert (
        open_sale(database, event, "VIP", SaleTerms(capacity=3), by="operator").stock.available == 0
    )


def test_a_closed_type_is_not_sold_and_keeps_its_terms(
    database: Database, event: Event, place: Place, sari: Buyer
) -> None:
    vip = open_sale(database, event, "VIP", VIP, by="operator")

    closed = [close_sale(database, event, "VIP", by="operator") for _ in range(2)]

    assert closed == [1, 0]
    with pytest.raises(NotOnSale):
        place((vip.id, 1), buyer=sari)
    assert open_sale(database, event, "VIP", SaleTerms(), by="operator") == vip


def test_all_ticket_types_are_closed_in_one_call(database: Database, event: Event) -> None:
    for name in ("VIP", "Tribune"):
        open_sale(database, event, name, VIP, by="operator")

    assert close_sale(database, event, None, by="operator") == 2
    assert {one.on_sale for one in list_ticket_types(database, event)} == {False}


def test_an_unknown_type_is_refused_with_the_known_ones(database: Database, event: Event) -> None:
    open_sale(database, event, "VIP", VIP, by="operator")

    with pytest.raises(NotOnSale, match=r"no ticket type 'vip' \(known: VIP\)"):
        close_sale(database, event, "vip", by="operator")


@pytest.fixture
def half_price_promo(event: Event, now: datetime) -> NewPromo:
    """Return a promo code of 50 % that can be used twice."""
    return NewPromo("HALF", PromoKind.PERCENT, 50, now, event.ends_at, 2)


def test_a_promo_is_used_and_counted(
    database: Database, event: Event, place: Place, half_price_promo: NewPromo, sari: Buyer
) -> None:
    vip = open_sale(database, event, "VIP", VIP, by="operator")
    add_promo(database, event, half_price_promo, ticket_type="VIP", by="operator")

    placed = place((vip.id, 1), buyer=sari, promo="half")

    assert placed.order.total == Rupiah(75_000)
    (use,) = list_promo_usage(database, event)
    assert (use.code, use.ticket_type, use.used, use.max_uses) == ("HALF", "VIP", 1, 2)


def test_a_promo_that_ended_is_refused_and_ending_it_again_changes_nothing(
    database: Database,
    event: Event,
    place: Place,
    half_price_promo: NewPromo,
    sari: Buyer,
    now: datetime,
) -> None:
    vip = open_sale(database, event, "VIP", VIP, by="operator")
    add_promo(database, event, half_price_promo, ticket_type=None, by="operator")

    end_promo(database, event, " half", at=now, by="operator")
    end_promo(database, event, "HALF", at=now + timedelta(days=1), by="operator")

    with pytest.raises(PromoRefused, match="not valid now"):
        place((vip.id, 1), buyer=sari, promo="HALF")
    assert list_promo_usage(database, event)[0].valid_until == now


def test_a_code_is_made_once(database: Database, event: Event, half_price_promo: NewPromo) -> None:
    add_promo(database, event, half_price_promo, ticket_type=None, by="operator")

    with pytest.raises(PromoRefused, match="HALF exists already"):
        add_promo(database, event, half_price_promo, ticket_type=None, by="operator")


def test_a_code_for_an_unknown_type_is_refused(
    database: Database, event: Event, half_price_promo: NewPromo
) -> None:
    with pytest.raises(PromoRefused, match="no ticket type 'Gold'"):
        add_promo(database, event, half_price_promo, ticket_type="Gold", by="operator")


@pytest.mark.parametrize(
    "change",
    [{"code": "ha lf"}, {"code": ""}, {"value": 0}, {"value": 101},
     {"valid_until": datetime(2026, 11, 20, 8, 0, tzinfo=UTC)}],
)  # fmt: skip
def test_a_code_that_no_buyer_could_use_is_refused(
    half_price_promo: NewPromo, change: dict[str, object]
) -> None:
    with pytest.raises(PromoRefused):
        replace(half_price_promo, **change)
