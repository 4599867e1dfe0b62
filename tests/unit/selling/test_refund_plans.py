"""Tests of refund plans: values of places, fees, and no refund above the payment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.orders.order import Order, OrderLine, OrderState, subtotal
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import (
    ALLOWED_TRANSITIONS,
    PaymentBalance,
    Refund,
    RefundChannel,
    RefundFee,
    RefundState,
    refund_key,
    split_refund,
    total_refunded,
    total_refunded_or_promised,
    validate_transition,
)
from ticketing.platform.kernel.errors import ImpossibleTransition, RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah, total
from ticketing.selling.refunds.refund_plan import (
    RefundablePlace,
    RefundRequest,
    RefundScope,
    RefundSnapshot,
    compute_plan,
    net_prices,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
ORDER = Order(1, 1, "ORD-A", OrderState.PAID, Rupiah(200_000), None, NOW, 7)
PAID = PaymentBalance(7, "ORD-A-01", AttemptState.SETTLED, "qris", Rupiah(200_000), ZERO, NOW)
REFUND = Refund(
    1, 1, 7, 1, "ORD-A-01-R1", Rupiah(50_000), RefundChannel.GATEWAY, RefundState.REQUESTED,
    "", "", "", ZERO, 0,
)  # fmt: skip


def test_an_order_of_another_payment_environment_is_not_refunded() -> None:
    placed_elsewhere = replace(ORDER, other_environment="simulator")

    with pytest.raises(RefundRefused, match=r"ORD-A was placed in .* simulator.*go-live"):
        compute_plan(RefundSnapshot(placed_elsewhere, [], [PAID], 0), RefundRequest(), at=NOW)


rupiah = st.builds(Rupiah, st.integers(0, 10**7))
order_lines = st.lists(
    st.builds(OrderLine, st.integers(1, 3), st.integers(1, 9), rupiah),
    min_size=1,
    max_size=3,
    unique_by=lambda line: line.ticket_type_id,
)
refunds = st.lists(
    st.builds(
        replace,
        st.just(REFUND),
        amount=st.builds(Rupiah, st.integers(1, 10**6)),
        channel=st.sampled_from(RefundChannel),
        state=st.sampled_from(RefundState),
    ),
    max_size=6,
)
payments = st.builds(
    PaymentBalance,
    attempt_id=st.integers(6, 9),
    key=st.just("ORD-A-01"),
    state=st.sampled_from([one for one in AttemptState if one.has_taken_money]),
    payment_type=st.sampled_from(["qris", "ovo", "bank_transfer", "kredivo", ""]),
    amount=rupiah,
    refunded_or_promised=rupiah,
    began_at=st.just(NOW) | st.just(NOW - timedelta(days=60)),
)
places = st.lists(
    st.builds(
        RefundablePlace,
        number=st.integers(1, 9),
        entitlement_id=st.integers(),
        ticket_type_id=st.integers(1, 3),
        ticket_type=st.just("VIP"),
        worth=rupiah,
        ticket_code=st.none() | st.just("TC-1"),
        delivered=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda place: place.number,
)
books = st.builds(
    RefundSnapshot,
    st.just(ORDER),
    places,
    st.lists(payments, max_size=3, unique_by=lambda one: one.attempt_id),
    st.integers(0, 3),
)
asked = st.builds(
    RefundRequest,
    amount=st.none() | rupiah,
    money=st.sampled_from(RefundScope),
    fee=st.builds(RefundFee, st.integers(0, 100), rupiah),
)


@pytest.fixture
def two_places() -> RefundSnapshot:
    """Return a paid order of two places at Rp100.000."""
    seats = [
        RefundablePlace(n, n, 1, "VIP", Rupiah(100_000), None, delivered=False) for n in (1, 2)
    ]
    return RefundSnapshot(ORDER, seats, [PAID], 0)


@given(order_lines, st.data())
def test_values_of_places_add_up_to_the_payment(
    lines: list[OrderLine], data: st.DataObject
) -> None:
    discounted = data.draw(st.none() | st.sampled_from([one.ticket_type_id for one in lines]))
    eligible = [one for one in lines if discounted in {None, one.ticket_type_id}]
    discount = Rupiah(data.draw(st.integers(0, subtotal(eligible).amount)))

    shares = net_prices(lines, discount, discounted)

    assert [len(share) for share in shares] == [line.quantity for line in lines]
    assert total(one for share in shares for one in share) == subtotal(lines) - discount
    assert all(
        one <= line.price for line, share in zip(lines, shares, strict=True) for one in share
    )


def test_a_discount_for_one_type_makes_only_its_places_cheaper() -> None:
    lines = [OrderLine(1, 2, Rupiah(100)), OrderLine(2, 1, Rupiah(60))]

    assert net_prices(lines, Rupiah(25), 1) == [[Rupiah(88), Rupiah(87)], [Rupiah(60)]]


@given(books, asked)
def test_no_plan_refunds_more_than_the_rest_of_a_payment(
    found: RefundSnapshot, wanted: RefundRequest
) -> None:
    try:
        planned = compute_plan(found, wanted, at=NOW)
    except RefundRefused:
        return

    left = {payment.attempt_id: payment.refundable for payment in found.payments}
    assert planned.amount == total(part.amount for part in planned.parts)
    assert all(ZERO < part.amount <= left[part.attempt_id] for part in planned.parts)
    assert len({part.attempt_id for part in planned.parts}) == len(planned.parts)


@given(books, st.builds(RefundFee, st.integers(0, 100), rupiah))
def test_refund_and_fee_do_not_exceed_the_value_of_the_places(
    found: RefundSnapshot, fee: RefundFee
) -> None:
    try:
        planned = compute_plan(found, RefundRequest(fee=fee), at=NOW)
    except RefundRefused:
        return

    assert planned.amount + planned.kept <= planned.worth


@given(refunds, rupiah)
def test_refunded_and_outstanding_amounts_cannot_be_refunded_again(
    known: list[Refund], told: Rupiah
) -> None:
    owed = total(one.amount for one in known if one.state.is_outstanding)

    assert total_refunded_or_promised(known, told) == total_refunded(known, told) + owed
    assert total_refunded(known, told) >= told


@given(st.lists(payments, max_size=4), rupiah)
def test_an_amount_is_shared_out_whole_or_refused(
    found: list[PaymentBalance], amount: Rupiah
) -> None:
    left = total(payment.refundable for payment in found)
    try:
        shared = split_refund(found, amount, at=NOW)
    except RefundRefused:
        assert amount > left
        return

    assert total(part.amount for part in shared) == amount <= left


@pytest.mark.parametrize(
    ("payment_type", "amount", "days_ago", "channel"),
    [
        ("qris", 100_000, 0, RefundChannel.GATEWAY),
        ("credit_card", 100_000, 400, RefundChannel.GATEWAY),
        ("shopeepay", 200_000, 0, RefundChannel.GATEWAY),
        ("shopeepay", 100_000, 0, RefundChannel.MANUAL),
        ("ovo", 100_000, 0, RefundChannel.MANUAL),
        ("kredivo", 200_000, 15, RefundChannel.MANUAL),
        ("qris", 200_000, 46, RefundChannel.MANUAL),
        ("bank_transfer", 200_000, 0, RefundChannel.MANUAL),
        ("echannel", 200_000, 0, RefundChannel.MANUAL),
        ("cstore", 200_000, 0, RefundChannel.MANUAL),
        ("", 200_000, 0, RefundChannel.MANUAL),
    ],
)
def test_the_refund_channel_depends_on_the_payment_method(
    payment_type: str, amount: int, days_ago: int, channel: RefundChannel
) -> None:
    payment = replace(PAID, payment_type=payment_type, began_at=NOW - timedelta(days=days_ago))

    (part,) = split_refund([payment], Rupiah(amount), at=NOW)

    assert part.channel is channel
    assert bool(part.reason) is (channel is RefundChannel.MANUAL)


@pytest.mark.parametrize("state", [AttemptState.REVERSED, AttemptState.CHARGED_BACK])
def test_a_reversed_payment_cannot_be_refunded(state: AttemptState) -> None:
    assert replace(PAID, state=state).refundable == ZERO


def test_a_partly_charged_back_payment_is_refunded_manually() -> None:
    payment = replace(PAID, state=AttemptState.PARTLY_CHARGED_BACK)

    (part,) = split_refund([payment], Rupiah(1), at=NOW)

    assert (part.channel, part.reason) == (RefundChannel.MANUAL, "the bank charged a part back")


def test_a_surplus_payment_is_refunded_in_full_and_ends_no_place(
    two_places: RefundSnapshot,
) -> None:
    second = replace(PAID, attempt_id=8, key="ORD-A-02")
    found = replace(two_places, payments=[PAID, second])

    planned = compute_plan(
        found, RefundRequest(money=RefundScope.SURPLUS, fee=RefundFee(50)), at=NOW
    )

    assert [(one.attempt_key, one.amount) for one in planned.parts] == [
        ("ORD-A-02", Rupiah(200_000))
    ]
    assert (planned.places, planned.kept, planned.ends_order) == ((), ZERO, False)


def test_a_plan_counts_delivered_and_used_tickets(
    two_places: RefundSnapshot,
) -> None:
    seats = [replace(one, ticket_code="TC-1", delivered=one.number == 1, used=one.number == 2)
             for one in two_places.places]  # fmt: skip

    planned = compute_plan(replace(two_places, places=seats), RefundRequest(), at=NOW)

    assert planned.notes == (
        "1 of 2 tickets are delivered already",
        "1 of 2 tickets were used already: 2",
    )


def test_a_plan_is_reduced_with_a_note_when_less_is_left(two_places: RefundSnapshot) -> None:
    found = replace(two_places, payments=[replace(PAID, refunded_or_promised=Rupiah(150_000))])

    planned = compute_plan(found, RefundRequest(), at=NOW)

    assert planned.amount == Rupiah(50_000)
    assert planned.notes == ("Rp200.000 would be due, only Rp50.000 is left of the payments",)


def test_a_plan_names_the_accepted_surplus_that_stays(two_places: RefundSnapshot) -> None:
    paid_more = replace(PAID, amount=Rupiah(205_000), is_requested_amount=False)

    bought = replace(two_places, payments=[paid_more])
    planned = compute_plan(bought, RefundRequest(), at=NOW)
    one_place = compute_plan(bought, RefundRequest(places=(1,)), at=NOW)

    assert (planned.amount, one_place.notes) == (Rupiah(200_000), ())
    assert planned.notes[0] == "Rp5.000 of an accepted surplus stays; `--amount` refunds it"


@pytest.mark.parametrize(
    "change",
    [{"places": (1,)}, {"fee": RefundFee(1)}, {"reason": "rain"}, {"amount": Rupiah(1)}],
)
def test_the_hash_depends_on_the_request(
    two_places: RefundSnapshot, change: dict[str, object]
) -> None:
    as_it_is = compute_plan(two_places, RefundRequest(), at=NOW).plan_hash

    assert compute_plan(two_places, RefundRequest(), at=NOW).plan_hash == as_it_is
    assert (
        compute_plan(two_places, replace(RefundRequest(), **change), at=NOW).plan_hash != as_it_is
    )


def test_the_hash_depends_on_the_state_of_the_order(two_places: RefundSnapshot) -> None:
    later = replace(two_places, payments=[replace(PAID, refunded_or_promised=Rupiah(1))])

    assert (
        compute_plan(two_places, RefundRequest(), at=NOW).plan_hash
        != compute_plan(later, RefundRequest(), at=NOW).plan_hash
    )


def test_an_order_without_anything_to_refund_is_refused(two_places: RefundSnapshot) -> None:
    with pytest.raises(RefundRefused, match=r"has no places .* Rp200\.000 of its payments is left"):
        compute_plan(replace(two_places, places=[]), RefundRequest(), at=NOW)


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_fee_above_the_total_is_refused(percent: int) -> None:
    with pytest.raises(RefundRefused, match="write 0 to 100"):
        RefundFee(percent)


@pytest.mark.parametrize("old", RefundState)
@pytest.mark.parametrize("new", RefundState)
def test_a_refund_makes_only_the_listed_transitions(old: RefundState, new: RefundState) -> None:
    refund = replace(REFUND, state=old)
    if new in ALLOWED_TRANSITIONS[old]:
        assert validate_transition(refund, new) is new
    else:
        with pytest.raises(ImpossibleTransition, match=f"{old} -> {new}"):
            validate_transition(refund, new)


def test_a_final_refund_state_is_kept() -> None:
    assert ALLOWED_TRANSITIONS[RefundState.DONE] == set()


def test_a_refund_is_named_after_its_attempt() -> None:
    assert refund_key("ORD-A-01", 3) == "ORD-A-01-R3"


@pytest.mark.parametrize("reason", ["x" * 256, "two\nlines"])
def test_a_reason_that_the_gateway_would_not_take_is_refused(reason: str) -> None:
    with pytest.raises(RefundRefused, match="at most 255"):
        RefundRequest(reason=reason)


def test_surplus_and_places_cannot_be_refunded_together() -> None:
    with pytest.raises(RefundRefused, match="pay for no places"):
        RefundRequest(places=(1,), money=RefundScope.SURPLUS)
