"""Tests of the shop's pages: event, order, payment, in the language of the buyer or the event."""

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select, update

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import order_review_flags, orders
from ticketing.platform.http.services import now
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.settle import Settlement
from ticketing.tickets.generate import GenerationContext

Sell = Callable[..., int]
Place = Callable[..., dict[str, Any]]
Settle = Callable[[], Settlement]
SARI = {"name": "Sari Wulandari", "email": "sari@example.org", "phone": "0812 3456 7890"}


@pytest.fixture
def event_path(event: Event) -> str:
    """Return the path of the event's page."""
    return f"/events/{event.slug}"


def test_an_event_shows_what_can_be_bought_and_what_cannot(
    shop: httpx.Client, sell: Sell, event_path: str
) -> None:
    sell("VIP", capacity=3)
    sell("Balkon", max_per_order=2)
    sell("Undangan", price=0, capacity=None)
    sell("Habis", capacity=0)

    page = shop.get(event_path)

    assert page.status_code == 200
    for said in ("Wisuda Periode II 2026", "Sabtu, 12 Desember 2026", "Rp50.000", "3 tersisa",
                 "Gratis", "Simulasi: tidak ada uang yang berpindah"):  # fmt: skip
        assert said in page.text
    menus = re.findall(r"<select.*?</select>", page.text, re.DOTALL)
    assert [len(re.findall("<option", menu)) - 1 for menu in menus] == [3, 2, 10]


def test_a_buyer_orders_in_the_language_of_the_browser_and_the_order_keeps_it(
    shop: httpx.Client, sell: Sell, event_path: str
) -> None:
    form, english = {f"places-{sell()}": "1"} | SARI, {"Accept-Language": "de, en-US;q=0.8"}

    page = shop.get(event_path, headers=english)
    resend = shop.get(f"{event_path}/orders", headers=english)
    listed = shop.get("/events", headers=english)
    placed = shop.post(event_path, data=form, headers=english)
    order_page = shop.get(placed.headers["Location"].removeprefix(".."))

    assert "Saturday, 12 December 2026" in page.text
    assert "Send me my order again" in resend.text
    assert '<html lang="en"' in listed.text
    assert "Waiting for your payment" in order_page.text


@pytest.mark.parametrize(
    ("locale", "header", "shown"),
    [
        ("en", "id", "Waiting for your payment"),
        (None, "en", "Waiting for your payment"),
        (None, "de", "Menunggu pembayaran"),
        ("de", "en", None),
    ],
)
def test_an_order_of_the_api_has_one_of_two_languages_by_its_field_or_the_header(
    shop: httpx.Client, sell: Sell, event: Event, locale: str | None, header: str,
    shown: str | None,
) -> None:  # fmt: skip
    body = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": sell(), "quantity": 1}]}

    placed = shop.post(
        "/api/orders", json=body | {"locale": locale}, headers={"Accept-Language": header}
    )

    if shown is None:
        assert placed.status_code == 422
    else:
        assert shown in shop.get(f"/orders/{placed.json()['data']['token']}").text


def test_only_an_order_to_be_paid_loads_anything_and_that_is_the_gateways_script(
    shop: httpx.Client, sell: Sell, order: Place, event_path: str, midtrans: MidtransSimulator
) -> None:
    placed, free = order(sell()), order(sell("Free", price=0))
    paths = [event_path, f"/orders/{placed['token']}", f"/orders/{free['token']}"]
    pages = [shop.get(path) for path in paths]

    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert (f"frame-src {midtrans.url}" in policy) == (midtrans.url in page.text)
        assert f"form-action 'self' {midtrans.url}" in policy
        assert page.headers["Cache-Control"] == "private, no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
    loaded = [re.findall(r'(?:src|href)="((?:https?:)?//[^"]+)', page.text) for page in pages]
    assert loaded == [[], [f"{midtrans.url}/snap/snap.js"], []]


@pytest.mark.parametrize(("locale", "label"), [("id", "Pesan"), ("en", "Order"), ("ja", "Order")])
def test_the_page_is_in_the_language_of_the_event(
    shop: httpx.Client, sell: Sell, event_path: str, database: Database, locale: str, label: str
) -> None:
    sell()
    with database.transaction() as connection:
        connection.execute(update(events).values(locale=locale))

    page = shop.get(event_path)

    assert f"<button>{label}</button>" in page.text


def test_ordering_redirects_to_the_order_and_is_idempotent(
    shop: httpx.Client, sell: Sell, event_path: str, database: Database
) -> None:
    vip = sell()
    [hidden] = re.findall(r'name="request" value="([0-9a-f]{32})"', shop.get(event_path).text)
    form = SARI | {f"places-{vip}": "2", "promo": "", "request": hidden}

    first, again = shop.post(event_path, data=form), shop.post(event_path, data=form)
    another = shop.post(event_path, data=form | {f"places-{vip}": "1"})

    assert (first.status_code, first.headers["Location"]) == (303, again.headers["Location"])
    assert another.headers["Location"] != first.headers["Location"]
    with database.transaction() as connection:
        assert stock_queries.get_stock(connection, vip) == Stock(5, 3, 0)
    page = shop.get(str(first.url.join(first.headers["Location"])))
    assert page.status_code == 200
    for said in ("Menunggu pembayaran", "Bayar sekarang", "Sari Wulandari", "Rp100.000"):
        assert said in page.text


@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"places": "0"}, 422, "pilih paling sedikit satu tiket"),
        ({"places": "-1"}, 422, "pilih paling sedikit satu tiket"),
        ({"places": "1e3"}, 422, "pilih paling sedikit satu tiket"),
        ({"places": "9" * 40}, 422, "pilih paling sedikit satu tiket"),
        ({"places": "6"}, 409, "tersisa lebih sedikit"),
        ({"name": ""}, 422, "tulis nama lengkap"),
        ({"name": "\u200b"}, 422, "tulis nama lengkap"),
        ({"email": "sari@", "phone": ""}, 422, "alamat email yang benar"),
        ({"email": "", "phone": ""}, 422, "alamat email yang benar"),
        ({"phone": "0812"}, 422, "nomor HP yang benar"),
        ({"promo": "NONE"}, 422, "Kode promo ini tidak berlaku"),
        ({"promo": "\x00"}, 422, "Kode promo ini tidak berlaku"),
        ({"name": "<script>alert(1)</script>", "phone": "1"}, 422, "&lt;script&gt;"),
    ],
)
def test_errors_are_shown_and_the_input_is_kept(
    shop: httpx.Client,
    sell: Sell,
    event_path: str,
    database: Database,
    changed: dict[str, str],
    status: int,
    message: str,
) -> None:
    vip = sell()
    typed = {**SARI, "promo": "", "places": "2"} | changed
    typed[f"places-{vip}"] = typed.pop("places")

    page = shop.post(event_path, data=typed)

    assert page.status_code == status
    assert message in page.text
    assert "<script>alert" not in page.text
    assert all(typed[name] in page.text for name in ("email", "phone"))
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(orders)) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"\xff\xfe", 422), (b"{}", 422), (b"&" * 5000, 422), (b"x" * 140_000, 413)],
)
def test_an_invalid_form_orders_nothing(
    shop: httpx.Client, sell: Sell, event_path: str, body: bytes, status: int
) -> None:
    sell()

    assert shop.post(event_path, content=body).status_code == status


def test_nothing_is_sold_for_an_event_that_is_over_or_has_nothing_on_sale(
    shop: httpx.Client, sell: Sell, event_path: str, database: Database
) -> None:
    empty = shop.get(event_path)
    sell()
    with database.transaction() as connection:
        connection.execute(
            update(events).values(starts_at="2020-01-01T00:00Z", ends_at="2020-01-02T00:00Z")
        )

    over = shop.get(event_path)

    assert "Belum ada tiket yang dijual" in empty.text
    assert "Acara ini sudah selesai" in over.text
    assert "<form" not in empty.text + over.text


def test_paying_redirects_to_the_gateway_and_the_page_shows_its_status(
    shop: httpx.Client,
    sell: Sell,
    order: Place,
    midtrans: MidtransSimulator,
    settle_all: Settle,
    shop_application: Application,
) -> None:
    placed = order(sell(), 2)
    page = f"/orders/{placed['token']}"

    pay = shop.post(f"{page}/pay")
    assert (pay.status_code, pay.headers["Location"].startswith(midtrans.url)) == (303, True)
    midtrans.push(f"{placed['code']}-01", "pay", "gopay")
    midtrans.notifications(2)
    settle_all()
    paid = shop.get(page).text
    application = shop_application
    context = GenerationContext(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )
    fulfil_paid_orders(context, application.get(Midtrans), at=now(), by="test")
    ready = shop.get(page).text

    assert "Lunas" in paid
    assert "Tiket sedang dibuat" in paid
    assert 'data-poll="3"' in paid
    links = re.findall(r'href="\.\./(t/[A-Za-z0-9_-]+)"', ready)
    assert len(set(links)) == 2
    assert 'data-poll="0"' in ready
    for link in links:
        assert shop.get(f"/{link}").status_code == 200
        assert shop.get(f"/{link}/ticket.pdf").content.startswith(b"%PDF")


def test_a_payment_that_failed_can_be_tried_again(
    shop: httpx.Client, sell: Sell, order: Place, midtrans: MidtransSimulator, settle_all: Settle
) -> None:
    placed = order(sell())
    page = f"/orders/{placed['token']}"
    shop.post(f"{page}/pay")
    midtrans.push(f"{placed['code']}-01", "decline", "credit_card")
    midtrans.notifications(2)
    settle_all()

    failed = shop.get(page).text
    again = shop.post(f"{page}/pay")

    assert "Pembayaran terakhir gagal" in failed
    assert "Bayar lagi" in failed
    assert again.headers["Location"].startswith(midtrans.url)


@pytest.mark.usefixtures("impatient_gateway")
def test_when_the_gateway_is_unavailable_the_page_asks_to_try_again(
    shop: httpx.Client, sell: Sell, order: Place, midtrans: MidtransSimulator
) -> None:
    placed = order(sell())
    midtrans.faults.set(answers=[{"kind": "html", "status": 502, "times": 3}])

    sent = shop.post(f"/orders/{placed['token']}/pay")
    page = shop.get(str(sent.url.join(sent.headers["Location"])))

    assert sent.status_code == 303
    assert "Layanan pembayaran sedang tidak menjawab" in page.text


def test_a_buyer_is_named_on_the_page_and_then_can_pay(
    shop: httpx.Client, sell: Sell, order: Place
) -> None:
    placed = order(sell(), buyer=None)
    page = f"/orders/{placed['token']}"

    before = shop.get(page).text
    wrong = shop.post(f"{page}/buyer", data={"name": "Budi", "phone": "0"}, follow_redirects=True)
    named = shop.post(f"{page}/buyer", data={"name": "Budi", "phone": "08123456789"},
                      follow_redirects=True)  # fmt: skip

    assert "Bayar sekarang" not in before
    assert "nomor HP yang benar" in wrong.text
    assert "Bayar sekarang" in named.text


def test_cancelling_is_confirmed_and_refused_for_a_paid_order(
    shop: httpx.Client, sell: Sell, order: Place
) -> None:
    placed, paid = order(sell()), order(sell("Guest", price=0))

    cancelled = shop.post(f"/orders/{placed['token']}/cancel", follow_redirects=True)
    refused = shop.post(f"/orders/{paid['token']}/cancel", follow_redirects=True)

    assert "Dibatalkan" in cancelled.text
    assert "Pesan lagi" in cancelled.text
    assert "Lunas" in refused.text
    assert "tidak mungkin lagi" in refused.text


def test_an_order_under_review_shows_it_and_offers_no_payment(
    shop: httpx.Client, sell: Sell, order: Place, database: Database
) -> None:
    placed = order(sell())
    with database.transaction() as connection:
        connection.execute(
            insert(order_review_flags).values(
                order_id=placed["id"], flag="paid_twice", message="secret", raised_at=now()
            )
        )

    page = shop.get(f"/orders/{placed['token']}").text

    assert "Petugas kami sedang memeriksa" in page
    assert "secret" not in page
    assert "/pay" not in page


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/orders/" + "A" * 32, "Order not found"),
        ("/orders/x", "Order not found"),
        ("/orders/%00%ff", "Order not found"),
        ("/events/nobodys-2026", "Event not found"),
        ("/events/%00", "Event not found"),
        ("/events/" + "a" * 3000, "Event not found"),
    ],
)
def test_an_unknown_path_is_an_html_page(shop: httpx.Client, path: str, message: str) -> None:
    looked = shop.get(path)
    posted = shop.post(path if "events" in path else f"{path}/pay")

    assert (looked.status_code, posted.status_code) == (404, 404)
    assert f"<h1>{message}</h1>" in looked.text


def test_too_many_requests_are_a_page_too(anonymous_client: httpx.Client) -> None:
    answers = [anonymous_client.get("/orders/" + "A" * 32) for _ in range(40)]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "Too many requests" in answers[-1].text


def test_an_error_in_the_query_string_is_not_rendered(
    shop: httpx.Client, sell: Sell, order: Place
) -> None:
    placed = order(sell())

    page = shop.get(f"/orders/{placed['token']}?problem=<b>Send money to</b>").text

    assert "Send money" not in page
