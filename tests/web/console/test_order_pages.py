"""Tests of the console's pages of orders: finding one, and every action with its audit entry."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from simulators.midtrans.server import MidtransSimulator
from ticketing.access.caller import Role
from ticketing.console.orders import order_list_queries
from ticketing.events.model import Event
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.outbox import outbox as outbox_table

Opener = Callable[..., httpx.Client]


def hidden(html: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', html)
    assert found is not None, html
    return found[1]


def send(client: httpx.Client, path: str, form: str, **fields: str) -> httpx.Response:
    """Send a form of the page at a path, with its token."""
    return client.post(
        f"{path}/{form}", data={"token": hidden(client.get(path).text, "token")} | fields
    )


def actions_on(database: Database, subject: str) -> list[tuple[str, str]]:
    """Return action and kind of actor of the audit entries about a subject."""
    query = select(audit_log.c.action, audit_log.c.actor).where(audit_log.c.subject == subject)
    with database.transaction() as connection:
        rows = connection.execute(query.order_by(audit_log.c.id))
        return [(action, actor.partition(":")[0]) for action, actor in rows]


def codes(client: httpx.Client, **query: str) -> list[str]:
    """Return the orders that the list shows."""
    return re.findall(r">(ORD-\w{12})<", client.get("/console/orders", params=query).text)


def test_an_order_is_found_by_number_reference_contact_name_and_state(
    staff: Opener, paid: dict[str, Any]
) -> None:
    viewer, code = staff(Role.VIEWER), paid["code"]
    page = viewer.get(f"/console/orders/{paid['id']}").text
    transaction = re.findall(r"<code>([0-9a-f-]{36})</code>", page)[0]

    for text in (code, code.lower(), paid["attempt"], transaction, "SARI@example", "wulan sari"):
        assert codes(viewer, q=text) == [code], text
    assert codes(viewer, state="paid") == codes(viewer) == [code]
    for nothing in ({"q": "budi"}, {"q": "%"}, {"q": "0812000"}, {"state": "pending"},
                    {"flagged": "true"}):  # fmt: skip
        assert codes(viewer, **nothing) == [], nothing
    for word in ("Order placed", "Payment attempt", "Notice of the gateway", "Order paid"):
        assert word in page


def test_orders_are_paged_from_the_newest_without_a_gap(
    staff: Opener,
    sell: Callable[..., int],
    order: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_list_queries, "PAGE", 2)  # three orders fill no page of fifty
    kind = sell()
    placed = [order(kind)["code"] for _ in range(3)]
    viewer = staff(Role.VIEWER)

    first = viewer.get("/console/orders").text
    before = re.search(r"before=(\d+)", first)
    assert before is not None

    assert codes(viewer) + codes(viewer, before=before[1]) == placed[::-1]


def test_a_refund_is_shown_as_a_plan_and_applied_once_by_an_admin(
    staff: Opener, paid: dict[str, Any], midtrans: MidtransSimulator, database: Database
) -> None:
    path = f"/console/orders/{paid['id']}"
    operator, admin = staff(Role.OPERATOR), staff(Role.ADMIN)
    fields = {"place-2": "on", "fee_percent": "10", "reason": "ill"}

    empty = send(admin, path, "refunds/plan")
    planned = send(admin, path, "refunds/plan", **fields)
    plan_hash = hidden(planned.text, "plan_hash")
    refused = send(operator, path, "refunds", plan_hash=plan_hash)
    before = midtrans.bank.status(paid["attempt"])["transaction_status"]
    done = [send(admin, path, "refunds", plan_hash=plan_hash) for _ in range(2)]

    assert (empty.status_code, planned.status_code) == (409, 200)
    assert "tick the places" in empty.text
    assert "Refund Rp45.000 now" in planned.text
    assert "plan_hash" not in send(operator, path, "refunds/plan", **fields).text
    assert (refused.status_code, before) == (403, "settlement")
    assert [one.status_code for one in done] == [303, 303]
    assert midtrans.bank.status(paid["attempt"])["refund_amount"] == "45000.00"
    assert actions_on(database, paid["code"]).count(("orders.refund", "user")) == 1


def test_a_refund_by_hand_waits_until_its_transfer_is_recorded(
    staff: Opener, paid: dict[str, Any], database: Database
) -> None:
    path, admin = f"/console/orders/{paid['id']}", staff(Role.ADMIN)
    planned = send(admin, path, "refunds/plan", amount="20000", by_hand="on")
    send(admin, path, "refunds", plan_hash=hidden(planned.text, "plan_hash"))
    waiting = admin.get(path).text

    unnamed = send(admin, path, "refunds/waiting", answer="transferred")
    done = send(admin, path, "refunds/waiting", answer="transferred", reference="BCA 118")

    assert "waits for a transfer by staff" in waiting
    assert (unnamed.status_code, done.status_code) == (422, 303)
    assert "BCA 118" in admin.get(path).text
    assert ("refunds.mark_paid", "user") in actions_on(database, paid["code"])


def test_the_contact_is_corrected_and_an_unpaid_order_cancelled(
    staff: Opener, sell: Callable[..., int], order: Callable[..., dict[str, Any]],
    database: Database,
) -> None:  # fmt: skip
    placed = order(sell())
    path, operator = f"/console/orders/{placed['id']}", staff(Role.OPERATOR)

    wrong = send(operator, path, "contact", contact="nobody")
    right = send(operator, path, "contact", contact="budi@example.org", reason="mistyped")
    cancelled = send(operator, path, "cancel")
    page = operator.get(path).text

    assert (wrong.status_code, right.status_code, cancelled.status_code) == (422, 303, 303)
    assert 'role="alert"' in wrong.text
    assert 'value="nobody"' in wrong.text
    assert "budi@example.org" in page
    assert 'class="status cancelled"' in page
    assert [*actions_on(database, placed["code"])][-2:] == [
        ("orders.correct_contact", "user"),
        ("orders.cancel", "user"),
    ]


def test_viewers_strangers_and_other_events_change_and_see_nothing(
    staff: Opener, shop: httpx.Client, sell: Callable[..., int],
    order: Callable[..., dict[str, Any]], database: Database,
) -> None:  # fmt: skip
    placed = order(sell())
    path = f"/console/orders/{placed['id']}"
    viewer, other = staff(Role.VIEWER), staff(Role.ADMIN, [10**6])
    token = hidden(viewer.get(path).text, "token")
    forms = ("cancel", "contact", "flags", "refunds", "refunds/plan", "refunds/waiting",
             "messages/1/resend", "accepted-payments", "accepted-payments/plan")  # fmt: skip

    for form in forms:
        assert viewer.post(f"{path}/{form}", data={"token": token}).status_code == 403, form
        assert staff(Role.ADMIN).post(f"{path}/{form}", data={}).status_code == 403, form
        assert other.post(f"{path}/{form}", data={}).status_code == 403, form
    assert shop.get(path).status_code == 303
    assert (other.get(path).status_code, codes(other)) == (403, [])
    assert staff(Role.VIEWER).get("/console/orders/999999").status_code == 404
    assert ("orders.cancel", "user") not in actions_on(database, placed["code"])


def test_a_message_of_the_order_is_sent_again_and_none_of_another_order(
    staff: Opener, event: Event, sell: Callable[..., int], order: Callable[..., dict[str, Any]],
    database: Database,
) -> None:  # fmt: skip
    kind = sell()
    own, other = (order(kind) for _ in range(2))
    with database.transaction() as connection:
        outbox.enqueue(
            connection, event_id=event.id, purpose=outbox.ORDER_CONFIRMATION, subject=own["code"],
            recipient="sari@example.org", payload={"order": own["code"]},
        )  # fmt: skip
        message = select(outbox_table.c.id).where(outbox_table.c.subject == own["code"])
        number = connection.execute(
            insert(deliveries)
            .values(
                outbox_id=message.scalar_subquery(), channel="mail", address="sari@example.org",
                state="failed", queued_at=datetime.now(UTC), last_error="550 no such mailbox",
            )
            .returning(deliveries.c.id)
        ).scalar_one()  # fmt: skip
    operator, form = staff(Role.OPERATOR), f"messages/{number}/resend"
    before = operator.get(f"/console/orders/{own['id']}").text

    foreign = send(operator, f"/console/orders/{other['id']}", form)
    sent = send(operator, f"/console/orders/{own['id']}", form)

    assert "550 no such mailbox" in before
    assert (foreign.status_code, sent.status_code) == (422, 303)
    assert actions_on(database, str(number)) == [("deliveries.resend", "user")]
    with database.transaction() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar_one() == "queued"


def test_a_cash_sale_is_shown_as_a_plan_and_sold_once(
    staff: Opener, sell: Callable[..., int], event: Event, database: Database
) -> None:
    path, operator = f"/console/events/{event.slug}/sell", staff(Role.OPERATOR)
    fields = {"type": str(sell()), "quantity": "2", "paid_by": "cash", "name": "Budi <b>",
              "reason": "receipt 118", "guests": "Ayu\nBima"}  # fmt: skip
    token = hidden(operator.get(path).text, "token")

    planned = operator.post(f"{path}/plan", data={"token": token} | fields)
    nothing_yet = codes(operator)
    form = fields | {"token": token} | {
        name: hidden(planned.text, name) for name in ("key", "amount")
    }  # fmt: skip
    dearer = operator.post(path, data=form | {"amount": "90000"})
    sold = [operator.post(path, data=form) for _ in range(2)]
    order = operator.get(sold[0].headers["Location"]).text

    assert "Sell for Rp100.000 now" in planned.text
    assert "Budi &lt;b&gt;" in planned.text
    assert nothing_yet == []
    assert (dearer.status_code, "the price is now Rp100.000" in dearer.text) == (422, True)
    assert sold[0].headers["Location"] == sold[1].headers["Location"]
    assert all(text in order for text in ("Ayu", "Bima", "receipt 118", 'class="status paid"'))
    assert len(codes(operator)) == 1
    assert (
        actions_on(database, codes(operator)[0]).count(("orders.sell_at_box_office", "user")) == 1
    )
    assert staff(Role.VIEWER).get(path).status_code == 403
    for wrong in ({"quantity": "0"}, {"type": "9"}, {"paid_by": "gateway"}, {"reason": ""}):
        assert (
            operator.post(f"{path}/plan", data={"token": token} | fields | wrong).status_code == 422
        )
