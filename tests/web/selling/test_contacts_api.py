"""Tests of the HTTP API of contacts: corrected by the buyer or the office, and orders again."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from ticketing.access.caller import Role
from ticketing.crypto.contact_code import make_contact_code
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import make_order_link
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import contact_corrections

RIGHT = "sari@right.org"
Place = Callable[..., dict[str, Any]]


@pytest.fixture
def code_of_newest_request(database: Database, shop_application: Application) -> Callable[[], str]:
    """Return a function that derives the code of the newest request."""

    def derive() -> str:
        columns = contact_corrections.c["id", "contact"]
        query = select(*columns).order_by(contact_corrections.c.id.desc()).limit(1)
        with database.transaction() as connection:
            row = connection.execute(query).one()
        return make_contact_code(shop_application.get(KeyRing), *row)

    return derive


@pytest.fixture
def link_to(database: Database, shop_application: Application) -> Callable[[dict[str, Any]], str]:
    """Return a function that derives the link that messages to an order's buyer have now."""

    def derive(placed: dict[str, Any]) -> str:
        with database.transaction() as connection:
            order = order_queries.get(connection, placed["id"])
        return make_order_link(shop_application.get(KeyRing), order.id, order.buyer_contacts)

    return derive


def test_a_contact_is_corrected_by_the_code_and_the_former_link_opens_nothing(
    shop: httpx.Client, sell: Callable[..., int], order: Place,
    code_of_newest_request: Callable[[], str], link_to: Callable[[dict[str, Any]], str],
) -> None:  # fmt: skip
    placed = order(sell("VIP"))
    path, own = f"/api/orders/{placed['id']}/contact", {"X-Order-Token": placed["token"]}
    former = link_to(placed)

    sent = shop.post(f"{path}/code", json={"contact": RIGHT}, headers=own)
    wrong = shop.post(f"{path}/confirm", json={"code": "000-000x"}, headers=own)
    code = code_of_newest_request()
    right = shop.post(f"{path}/confirm", json={"code": f"{code[:3]} {code[3:]}"}, headers=own)

    assert (sent.status_code, sent.json()["data"]["contact"]) == (202, "s•••@right.org")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "wrong_code")
    assert right.json()["data"]["buyer"]["email"] == RIGHT
    assert shop.get(f"/orders/{former}").status_code == 404
    assert shop.get(f"/orders/{link_to(placed)}").status_code == 200


def test_a_link_from_a_message_changes_no_contact(
    shop: httpx.Client, sell: Callable[..., int], order: Place,
    link_to: Callable[[dict[str, Any]], str],
) -> None:  # fmt: skip
    placed = order(sell("VIP"))
    path, link = f"/api/orders/{placed['id']}", link_to(placed)
    by_link = {"X-Order-Token": link}

    answers = [
        shop.post(f"{path}/contact/code", json={"contact": RIGHT}, headers=by_link),
        shop.put(path, json={"name": "Sari", "email": RIGHT}, headers=by_link),
    ]
    page = shop.post(f"/orders/{link}/contact", data={"contact": RIGHT}, follow_redirects=True)

    assert [each.json()["error"]["code"] for each in answers] == ["contact_closed"] * 2
    assert "hubungi panitia" in page.text
    assert "Alamat atau nomor salah?" not in page.text
    assert "Alamat atau nomor salah?" in shop.get(f"/orders/{placed['token']}").text


def test_whoever_asks_for_orders_learns_nothing_from_the_answer(
    shop: httpx.Client, event: Event, sell: Callable[..., int], order: Place
) -> None:
    order(sell("VIP"))

    def ask(contact: str) -> httpx.Response:
        return shop.post("/api/orders/links", json={"eventId": event.slug, "contact": contact})

    known, unknown = ask("sari@example.org"), ask("sani@example.org")
    page = shop.post(f"/events/{event.slug}/orders", data={"contact": "sani@example.org"})

    assert known.status_code == 202
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert "Jika ada pesanan dengan kontak ini" in page.text
    assert (ask("nobody").status_code, ask("nobody").json()["error"]["code"]) == (
        422, "unusable_buyer",
    )  # fmt: skip


@pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 200), (Role.VIEWER, 403)])
def test_the_office_corrects_a_contact_without_a_code(
    role: Role, status: int, shop: httpx.Client, sell: Callable[..., int], order: Place,
    key_of: Callable[[Role], str],
) -> None:  # fmt: skip
    placed = order(sell("VIP"))

    answer = shop.put(
        f"/api/orders/{placed['id']}/contact", json={"contact": RIGHT, "reason": "by phone"},
        headers={"Authorization": f"Bearer {key_of(role)}"},
    )  # fmt: skip

    assert answer.status_code == status
    if status == 200:
        assert answer.json()["data"] == {
            "orderCode": placed["code"], "contacts": ["s•••@right.org"],
        }  # fmt: skip
