"""Test of a voucher order, from payment over codes on the buyer's page to the refund."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from simulators.midtrans.server import MidtransSimulator
from simulators.routeros.server import ACCOUNT, RouterOsSimulator
from ticketing.access.caller import Role
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import make_order_link
from ticketing.events.model import NewEvent
from ticketing.events.service import add_event
from ticketing.platform.application import Application
from ticketing.platform.db.tables.vouchers import routers
from ticketing.platform.http.services import now
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.settle import Settlement
from ticketing.vouchers.packages import PackageTerms, put_package
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.provision import provision_router
from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router
from ticketing.vouchers.provisioning.router_clients import RouterClientPool


@pytest.fixture
def device() -> Iterator[RouterOsSimulator]:
    """Start a router with the profile `1day`."""
    with RouterOsSimulator() as switched_on:
        switched_on.add_profile("1day")
        yield switched_on


@pytest.fixture
def outlet(
    shop_application: Application, device: RouterOsSimulator
) -> Iterator[Callable[[], ProvisionResult]]:
    """Create an outlet that sells `5k`; return a function that provisions its router."""
    database, keys = shop_application.database, shop_application.get(KeyRing)
    starts, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
    new = NewEvent(
        "kampus-hotspot", "Kampus Hotspot", starts, ends, "Asia/Jakarta", "id", "Kampus", "ID",
        "classic",
    )  # fmt: skip
    event = add_event(database, new, by="test")
    address = NewRouter(device.host, ACCOUNT.name, ACCOUNT.password, device.port, tls=False)
    router = add_router(database, keys, "lobby", address, by="test")
    said = PackageTerms(
        name="Paket 5 ribu", price=Rupiah(5_000), profile="1day", router="lobby",
        validity=timedelta(days=1), prefix="wf", password_length=8,
    )  # fmt: skip
    put_package(database, event, "5k", said, at=now(), by="test")
    with RouterClientPool(keys) as pool:
        yield partial(
            provision_router, ProvisioningContext(database, pool, now, by="worker"), router.id
        )


@pytest.fixture
def bought(
    shop: httpx.Client,
    outlet: Callable[[], ProvisionResult],  # noqa: ARG001 - what there is to buy
) -> dict[str, Any]:
    """Create an unpaid order of two vouchers."""
    asked = {
        "packageId": "5k", "customerName": "Sari", "customerPhone": "0812 3456 7890",
        "quantity": 2,
    }  # fmt: skip
    return dict(shop.post("/voucher/purchase", json=asked).json()["data"])


@pytest.fixture
def fetch_page_and_vouchers(
    shop: httpx.Client, bought: dict[str, Any]
) -> Callable[[], tuple[str, list[Any]]]:
    """Return a function that fetches the buyer's page and the vouchers of the API."""

    def fetch() -> tuple[str, list[Any]]:
        headers = {"X-Order-Token": bought["token"]}
        shown = shop.get(f"/api/orders/{bought['id']}", headers=headers).json()["data"]
        return shop.get(bought["pageUrl"]).text, shown["vouchers"]

    return fetch


def test_codes_are_on_the_buyers_page_from_provisioning_to_the_refund(
    shop: httpx.Client,
    bought: dict[str, Any],
    outlet: Callable[[], ProvisionResult],
    fetch_page_and_vouchers: Callable[[], tuple[str, list[Any]]],
    device: RouterOsSimulator,
    midtrans: MidtransSimulator,
    settle_all: Callable[[], Settlement],
    key_of: Callable[[Role], str],
    log_file: Path,
) -> None:
    pending, none_yet = fetch_page_and_vouchers()
    midtrans.push(f"{bought['code']}-01", "pay", "other_qris")
    midtrans.notifications(2)
    settle_all()
    paid, owed = fetch_page_and_vouchers()
    outlet()
    ready, present = fetch_page_and_vouchers()
    made = [user["name"] for user in device.users()]
    staff = {"Authorization": f"Bearer {key_of(Role.ADMIN)}"}
    address = f"/api/orders/{bought['id']}/refunds"
    planned = shop.post(address, json={"places": [1], "reason": "salah beli"}, headers=staff)
    plan = planned.json()["data"]["plan"]
    shop.post(address, json={"planHash": plan["planHash"]}, headers=staff)
    outlet()
    after, left = fetch_page_and_vouchers()

    assert ("Voucher Anda" in pending, none_yet) == (False, [])
    assert "2099" not in pending
    assert ("Voucher sedang disiapkan" in paid, 'data-poll="3"' in paid) == (True, True)
    assert [(one["state"], one["code"]) for one in owed] == [("pending", None)] * 2
    assert [one["state"] for one in present] == ["active"] * 2
    assert 'data-poll="0"' in ready
    for one in present:
        assert one["code"] in made
        assert one["code"] in ready
        assert one["password"] in ready
        assert one["code"] not in log_file.read_text()
    assert (plan["amount"], [place["isVoucher"] for place in plan["places"]]) == (5_000, [True])
    assert plan["placesLeft"] == 1
    assert [user["name"] for user in device.users()] == [present[1]["code"]]
    assert [one["state"] for one in left] == ["removed", "active"]
    assert "Tidak berlaku lagi" in after
    assert present[0]["code"] not in after
    assert 'class="inactive"' in after


def test_the_link_in_a_message_opens_the_order_of_the_contact_it_was_sent_to(
    shop: httpx.Client, shop_application: Application, bought: dict[str, Any]
) -> None:
    keys, contact = shop_application.get(KeyRing), " +6281234567890"
    link = make_order_link(keys, bought["id"], contact)
    other_order = make_order_link(keys, bought["id"] + 1, contact)
    former_contact = make_order_link(keys, bought["id"], " +6281234567891")

    pages = [shop.get(f"/orders/{each}") for each in (link, other_order, former_contact, link[:-1])]

    assert [page.status_code for page in pages] == [200, 404, 404, 404]
    assert bought["code"] in pages[0].text


@pytest.mark.usefixtures("outlet")
def test_buyers_are_told_before_they_pay_that_the_router_does_not_answer(
    shop: httpx.Client, shop_application: Application
) -> None:
    url, note = "/events/kampus-hotspot", "kode menyusul begitu hotspot menjawab lagi"
    well = shop.get(url).text
    with shop_application.database.transaction() as connection:
        connection.execute(update(routers).values(failure_count=1, failing_since=now()))

    down = shop.get(url).text

    assert (note in well, note in down) == (False, True)
    assert "Paket 5 ribu" in down
