"""Tests of repairs of failed purchases: repeated, refused and audited."""

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import select, update

from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.vouchers import vouchers

REPAIRS = [
    "retry-delivery/1",
    "regenerate-voucher/1",
    "bulk-regenerate",
    "cleanup-failed/1",
    "cleanup-expired",
]
Buying = Callable[..., Order]


@pytest.fixture
def audit_actions(database: Database) -> Callable[[], list[tuple[str, str, str]]]:
    """Return a function that reads audit entries of API users."""

    def read() -> list[tuple[str, str, str]]:
        query = select(audit_log.c.actor, audit_log.c.action, audit_log.c.subject)
        by_people = query.where(audit_log.c.actor.startswith("api:")).order_by(audit_log.c.id)
        with database.transaction() as connection:
            return [tuple(row) for row in connection.execute(by_people)]

    return read


def test_a_failed_purchase_is_regenerated_once_and_audited(
    operator: httpx.Client,
    buy: Buying,
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
    audit_actions: Callable[[], list[tuple[str, str, str]]],
    database: Database,
) -> None:
    order = buy(2)
    activate_vouchers(order, 1)
    fail_order(order)

    done = operator.post(f"/voucher/api/regenerate-voucher/{order.id}")

    assert done.status_code == 200
    assert done.json()["data"] == {"purchaseId": order.id, "due": 1, "present": 1, "ended": 0}
    assert audit_actions() == [("api:the operator", "vouchers.regenerate", order.code)]
    with database.transaction() as connection:
        given_up = connection.execute(select(vouchers.c.failed_at)).scalars().all()
    assert given_up == [None, None]


def test_many_purchases_are_regenerated_independently(
    operator: httpx.Client, buy: Buying, order_vouchers: Callable[..., int]
) -> None:
    paid, unpaid = buy(), order_vouchers()
    asked = {"purchaseIds": [unpaid, paid.id, 999_999, paid.id]}

    data = operator.post("/voucher/api/bulk-regenerate", json=asked).json()["data"]

    assert (data["regeneratedCount"], data["refusedCount"]) == (1, 2)
    assert [
        (one["purchaseId"], (one["error"] or {}).get("code")) for one in data["results"]
    ] == [(unpaid, "nothing_owed"), (paid.id, None), (999_999, "unknown_order")]  # fmt: skip


def test_codes_are_resent_on_request_and_once_per_idempotency_key(
    operator: httpx.Client,
    buy: Buying,
    activate_vouchers: Callable[..., None],
    send: Callable[[Order, DeliveryState], int],
    audit_actions: Callable[[], list[tuple[str, str, str]]],
    database: Database,
) -> None:
    bounced, lost = buy(), buy()
    numbers = []
    for order, state in ((bounced, DeliveryState.FAILED), (lost, DeliveryState.DELIVERED)):
        activate_vouchers(order)
        numbers.append(send(order, state))
    once = {"Idempotency-Key": "retry-1"}

    first = operator.post(f"/voucher/api/retry-delivery/{bounced.id}")
    second, repeated = (
        operator.post(f"/voucher/api/retry-delivery/{lost.id}", headers=once) for _ in range(2)
    )

    assert [one.json()["data"]["deliveries"][0]["status"] for one in (first, second)] == [
        "queued", "queued",
    ]  # fmt: skip
    assert repeated.json() == second.json()
    assert audit_actions() == [
        ("api:the operator", "deliveries.resend", str(number)) for number in numbers
    ]
    with database.transaction() as connection:
        copies = select(deliveries.c.copy_count).order_by(deliveries.c.id)
        assert connection.execute(copies).scalars().all() == [0, 1]


def test_codes_that_are_not_ready_or_have_no_recipient_are_not_resent(
    operator: httpx.Client,
    buy: Buying,
    activate_vouchers: Callable[..., None],
    send: Callable[[Order, DeliveryState], int],
    order_vouchers: Callable[..., int],
    database: Database,
) -> None:
    unreachable = buy()
    activate_vouchers(unreachable)
    send(unreachable, DeliveryState.FAILED)
    with database.transaction() as connection:
        connection.execute(update(deliveries).values(channel="link", address=""))
    wanted = {order_vouchers(): "unpaid", buy().id: "owed", unreachable.id: "unreachable"}

    refused = [operator.post(f"/voucher/api/retry-delivery/{number}") for number in wanted]

    assert {answer.status_code for answer in refused} == {409}
    assert {answer.json()["error"]["code"] for answer in refused} == {"nothing_to_send"}
    unpaid, owed, _ = (answer.json()["error"]["message"] for answer in refused)
    assert "is not paid, the order is pending" in unpaid
    assert "is paid, 0 of 1 vouchers are on the router" in owed
    assert "regenerate-voucher" in owed
    assert "pass on the order page" in refused[2].json()["error"]["message"]


def test_only_an_unsuccessful_purchase_is_cleaned_up_and_its_row_is_kept(
    operator: httpx.Client,
    viewer: httpx.Client,
    buy: Buying,
    order_vouchers: Callable[..., int],
    end_order: Callable[[int, OrderState], Order],
) -> None:
    reversed_, paid, open_ = buy(2), buy(), order_vouchers()
    end_order(reversed_.id, OrderState.CANCELLED)

    cleaned, again, refused, early = (
        operator.post(f"/voucher/api/cleanup-failed/{number}")
        for number in (reversed_.id, reversed_.id, paid.id, open_)
    )

    assert (cleaned.json()["data"], again.json()["data"]) == (
        {"leftOver": 2, "expired": 0}, {"leftOver": 0, "expired": 0},
    )  # fmt: skip
    assert {refused.status_code, early.status_code} == {409}
    assert refused.json()["error"]["code"] == early.json()["error"]["code"] == "still_owed"
    assert viewer.get("/voucher/api/payments").json()["data"]["totalCount"] == 3


def test_all_leftovers_are_cleaned_up_and_nothing_else(
    operator: httpx.Client,
    buy: Buying,
    end_order: Callable[[int, OrderState], Order],
    audit_actions: Callable[[], list[tuple[str, str, str]]],
) -> None:
    end_order(buy(2).id, OrderState.CANCELLED)
    buy()

    first, second = (operator.post("/voucher/api/cleanup-expired") for _ in range(2))

    assert first.json()["data"] == {"leftOver": 2, "expired": 0}
    assert second.json()["data"] == {"leftOver": 0, "expired": 0}
    assert audit_actions() == [("api:the operator", "vouchers.clean_up", "")]


def test_repairs_need_the_key_of_an_operator(
    viewer: httpx.Client, anonymous_client: httpx.Client
) -> None:
    for path in REPAIRS:
        by_viewer = viewer.post(f"/voucher/api/{path}", json={"purchaseIds": [1]})
        by_stranger = anonymous_client.post(f"/voucher/api/{path}", content=b"{not json")

        assert (by_viewer.status_code, by_viewer.json()["error"]["code"]) == (403, "not_allowed")
        assert (by_stranger.status_code, by_stranger.json()["error"]["code"]) == (401, "not_known")


def test_an_invalid_repair_is_refused_and_named(operator: httpx.Client) -> None:
    unknown = [
        operator.post(f"/voucher/api/{path}/999999").status_code
        for path in ("retry-delivery", "regenerate-voucher", "cleanup-failed")
    ]
    impossible = [
        operator.post(f"/voucher/api/{path}").status_code
        for path in ("retry-delivery/-1", "regenerate-voucher/x", "cleanup-failed/0")
    ]
    bodies = [{}, {"purchaseIds": []}, {"purchaseIds": ["1"]}, {"purchaseIds": [-1]},
              {"purchaseIds": [1] * 501}, {"purchaseIds": [1], "all": True}, []]  # fmt: skip
    refused = [operator.post("/voucher/api/bulk-regenerate", json=body) for body in bodies]

    assert (set(unknown), set(impossible)) == ({404}, {422})
    assert {answer.status_code for answer in refused} == {422}
