"""Tests of the order rules: selections, prices, states and limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.catalogue.promo_code import Promo, PromoKind, normalise_promo_code, promo_discount
from ticketing.catalogue.stock import PurchaseLimits, Stock
from ticketing.orders.order import (
    Order,
    OrderLine,
    OrderState,
    Selection,
    attempt_key,
    make_order_code,
    normalise_selections,
    subtotal,
    validate_transition,
)
from ticketing.platform.kernel.errors import (
    ImpossibleTransition,
    LimitExceeded,
    NotOnSale,
    PromoRefused,
)
from ticketing.platform.kernel.money import Rupiah

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LINES = (OrderLine(1, 2, Rupiah(100_000)), OrderLine(2, 1, Rupiah(50_000)))

lines = st.lists(
    st.builds(
        OrderLine, st.integers(1, 3), st.integers(1, 9), st.builds(Rupiah, st.integers(0, 10**7))
    ),
    min_size=1,
)


@pytest.fixture
def order() -> Order:
    """Return a pending order of two places."""
    return Order(1, 1, "ORD-A", OrderState.PENDING, Rupiah(200_000), None, NOW, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [("pending", "paid"), ("pending", "cancelled"), ("pending", "expired"), ("expired", "paid"),
     ("paid", "cancelled")],
)  # fmt: skip
def test_an_order_makes_the_listed_transitions(order: Order, old: str, new: str) -> None:
    there = replace(order, state=OrderState(old))

    assert validate_transition(there, OrderState(new)) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [("paid", "pending"), ("paid", "expired"), ("expired", "pending"), ("expired", "cancelled"),
     ("cancelled", "paid"), ("cancelled", "expired"), ("cancelled", "pending"),
     ("pending", "pending"), ("paid", "paid")],
)  # fmt: skip
def test_an_order_makes_no_other_transition(order: Order, old: str, new: str) -> None:
    there = replace(order, state=OrderState(old))

    with pytest.raises(ImpossibleTransition, match=f"ORD-A: {old} -> {new}"):
        validate_transition(there, OrderState(new))


def test_selections_of_one_type_are_one_and_come_in_the_order_of_locking() -> None:
    asked = [Selection(7, 1), Selection(3, 2), Selection(7, 4)]

    assert normalise_selections(asked) == (Selection(3, 2), Selection(7, 5))


@pytest.mark.parametrize("selections", [[], [Selection(1, 0)], [Selection(1, 3), Selection(1, -1)]])
def test_an_order_of_nothing_is_refused(selections: list[Selection]) -> None:
    with pytest.raises(NotOnSale):
        normalise_selections(selections)


@given(st.binary(min_size=8, max_size=8))
def test_order_codes_have_one_length_and_only_safe_characters(randomness: bytes) -> None:
    code = make_order_code(randomness)

    assert len(code) == 16
    assert code.replace("-", "").isalnum()


def test_every_attempt_has_a_name_of_its_own() -> None:
    assert [attempt_key("ORD-A", number) for number in (1, 12)] == ["ORD-A-01", "ORD-A-12"]


@pytest.mark.parametrize(
    ("kind", "value", "ticket_type_id", "off"),
    [
        pytest.param(PromoKind.PERCENT, 10, None, 25_000, id="a part of everything"),
        pytest.param(PromoKind.PERCENT, 10, 2, 5_000, id="a part of one type"),
        pytest.param(PromoKind.PERCENT, 100, None, 250_000, id="all of it"),
        pytest.param(PromoKind.FIXED, 30_000, None, 30_000, id="an amount"),
        pytest.param(PromoKind.FIXED, 80_000, 2, 50_000, id="never more than the type costs"),
    ],
)
def test_a_promo_code_reduces_the_price(
    kind: PromoKind, value: int, ticket_type_id: int, off: int
) -> None:
    promo = Promo(1, "HEMAT", kind, value, NOW, NOW + timedelta(days=1), ticket_type_id)

    assert promo_discount(promo, LINES, at=NOW) == Rupiah(off)


@given(lines, st.sampled_from(PromoKind), st.integers(1, 100))
def test_a_discount_is_never_more_than_the_order(
    ordered: list[OrderLine], kind: PromoKind, value: int
) -> None:
    promo = Promo(1, "HEMAT", kind, value, NOW, NOW + timedelta(days=1), None)

    assert promo_discount(promo, ordered, at=NOW) <= subtotal(ordered)


@pytest.mark.parametrize(
    ("shift", "ticket_type_id"),
    [
        pytest.param(-timedelta(microseconds=1), None, id="too early"),
        pytest.param(timedelta(days=1), None, id="too late"),
        pytest.param(timedelta(), 9, id="for another type"),
    ],
)
def test_a_promo_outside_its_bounds_is_refused(shift: timedelta, ticket_type_id: int) -> None:
    promo = Promo(1, "HEMAT", PromoKind.FIXED, 1, NOW, NOW + timedelta(days=1), ticket_type_id)

    with pytest.raises(PromoRefused, match="HEMAT"):
        promo_discount(promo, LINES, at=NOW + shift)


def test_a_promo_code_has_one_spelling() -> None:
    assert normalise_promo_code(" hemat 20 ") == "HEMAT20"


@pytest.mark.parametrize(
    ("stock", "available"),
    [(Stock(100, 3, 5), 92), (Stock(5, 0, 5), 0), (Stock(None, 3, 5), None)],
)
def test_available_places_are_neither_reserved_nor_sold(
    stock: Stock, available: int | None
) -> None:
    assert stock.available == available


def test_limits_apply_at_their_boundaries() -> None:
    limits = PurchaseLimits(per_order=4, per_buyer=6)

    limits.check_order(4)
    limits.check_buyer(6)
    PurchaseLimits(None, None).check_buyer(10**6)
    with pytest.raises(LimitExceeded, match="5 places in one order; at most 4"):
        limits.check_order(5)
    with pytest.raises(LimitExceeded, match="7 places for one buyer; at most 6"):
        limits.check_buyer(7)
