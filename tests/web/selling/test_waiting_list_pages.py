"""Tests of waiting lists in the shop and over HTTP."""

import re
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import select, update

from ticketing.access.caller import Role
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import make_order_link
from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.waiting_list import waiting_list_entries
from ticketing.platform.http.services import now
from ticketing.selling.waiting_list.join_list import join_waiting_list
from ticketing.selling.waiting_list.offer_places import offer_to_entry
from ticketing.selling.waiting_list.queries import list_entries

SARI = {"name": "Sari Wulandari", "email": "sari@example.org", "phone": "0812 3456 7890"}


def test_a_visitor_joins_in_the_shop_confirms_the_entry_and_leaves_it(
    shop: httpx.Client, database: Database, event: Event, sell: Callable[..., int]
) -> None:
    vip = sell("VIP", capacity=0)
    link = re.search(r'href="([^"]*waiting-list[^"]*)"', shop.get(f"/events/{event.slug}").text)
    assert link is not None
    path = f"/events/{link[1]}"
    with database.transaction() as connection:
        connection.execute(
            update(ticket_types).where(ticket_types.c.id == vip).values(capacity=2, sold=2)
        )

    form = shop.get(path)
    wrong = shop.post(path, data=SARI | {"quantity": "2", "email": "sari"})
    joined = [shop.post(path, data=SARI | {"quantity": "2"}) for _ in range(2)]
    with database.transaction() as connection:
        token = connection.execute(select(waiting_list_entries.c.token)).scalar_one()
    unconfirmed = shop.get(f"/waiting-list/{token}")
    button = re.search(r'action="([^"]*/confirm)"', unconfirmed.text)
    assert button is not None
    entry = shop.post(f"/waiting-list/{button[1]}", follow_redirects=True)
    left = shop.post(f"/waiting-list/{token}")

    assert form.text.count("<option") == 2
    assert (wrong.status_code, [page.status_code for page in joined]) == (422, [200, 200])
    assert joined[0].text == joined[1].text
    assert "Anda sudah masuk daftar tunggu" in joined[0].text
    assert "Konfirmasikan bahwa Anda menunggu" in unconfirmed.text
    assert "Yang menunggu sebelum Anda: 0" in entry.text
    assert "Anda sudah keluar dari daftar tunggu" in left.text
    assert shop.get("/waiting-list/00000000-0000-0000-0000-000000000000").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "waiting-list/x",
        *(f"events/{{}}/waiting-list?type={no_id}" for no_id in ("", "x", "9" * 5000)),
    ],
)
def test_an_address_that_cannot_be_right_shows_that_nothing_was_found(
    shop: httpx.Client, event: Event, path: str
) -> None:
    answer = shop.get(f"/{path.format(event.slug)}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_operators_list_and_remove_who_joined_by_the_api(
    shop: httpx.Client, event: Event, sell: Callable[..., int], key_of: Callable[[Role], str]
) -> None:
    vip = sell("VIP", capacity=1)
    order = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": vip, "quantity": 1}]}
    shop.post("/api/orders", json=order).raise_for_status()
    body = {"eventId": event.id, "ticketTypeId": vip, "quantity": 1, "buyer": SARI}
    key = {"X-API-Key": key_of(Role.OPERATOR)}
    listing = f"/api/events/{event.slug}/waiting-list"

    joined = shop.post("/api/waiting-list", json=body)
    (entry,) = shop.get(listing, headers=key).json()["data"]
    offered = shop.post(f"/api/waiting-list/{entry['id']}/offer", headers=key)
    removed = shop.post(f"/api/waiting-list/{entry['id']}/remove", headers=key)

    assert (joined.status_code, joined.json()["data"]) == (
        202, {"ticketTypeId": vip, "joined": True},
    )  # fmt: skip
    assert (entry["state"], entry["contact"]) == ("waiting", "sari@example.org")
    assert entry["confirmedAt"] is None
    assert (offered.status_code, offered.json()["error"]["code"]) == (409, "sold_out")
    assert removed.json()["data"]["state"] == "left"
    assert shop.get(listing).status_code == 401


def test_a_free_offer_is_accepted_by_the_button_on_its_page(
    shop: httpx.Client, application: Application, database: Database, event: Event,
    sell: Callable[..., int],
) -> None:  # fmt: skip
    vip = sell("VIP", capacity=2, sold=2, price=0)
    sari = Buyer("email:sari@example.org", "Sari", "sari@example.org", "")
    join_waiting_list(database, event, vip, quantity=1, buyer=sari, at=now(), by="test")
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(capacity=3))
        [entry] = list_entries(connection, event.id)
    order = offer_to_entry(database, entry.id, at=now(), by="test")
    link = make_order_link(application.get(KeyRing), order.id, order.buyer_contacts)

    offered = shop.get(f"/orders/{link}")
    button = re.search(r'action="([^"]*/accept)"', offered.text)
    assert button is not None
    accepted = shop.post(f"/orders/{button[1]}", follow_redirects=True)

    assert "Terima tempat gratis" in offered.text
    assert [">Lunas<" in page.text for page in (offered, accepted)] == [False, True]
