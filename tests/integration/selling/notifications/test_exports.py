"""Tests of the exports of an event: to a file and by mail to the organiser."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from psycopg import ServerCursor
from sqlalchemy import event as events_of
from sqlalchemy import select, update

from simulators.mail.server import MailSimulator
from ticketing.events.model import Event
from ticketing.notifications.admin import list_deliveries
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import InMemorySheet
from ticketing.reporting.export import queue_daily_export_mails, queue_export_mail, write_export
from ticketing.selling.checkout.place_order import PlacedOrder

Send = Callable[..., DeliveryRunResult]
Rows = list[dict[str, str]]


@pytest.fixture
def paid_order(buy: Callable[..., PlacedOrder]) -> PlacedOrder:
    """Create a paid order without tickets."""
    return buy()


@pytest.fixture
def export_rows(database: Database, event: Event, now: datetime) -> Callable[..., Rows]:
    """Return a function that exports a sheet's rows by column, some days later."""

    def rows(export: ExportKind, *, days: int = 0) -> Rows:
        sheet = InMemorySheet(100_000)
        written = write_export(database, event, export, sheet, at=now + timedelta(days=days))
        text = sheet.content.decode("utf-8-sig")
        found = list(csv.DictReader(StringIO(text, newline=""), delimiter=";"))
        assert len(found) == written
        return found

    return rows


def test_tickets_and_orders_are_exported_in_the_time_zone_of_the_venue(
    export_rows: Callable[..., Rows], sold: PlacedOrder
) -> None:
    tickets, (order,) = export_rows(ExportKind.TICKETS), export_rows(ExportKind.ORDERS)

    assert [(one["state"], one["name"], one["source"]) for one in tickets] == [
        ("live", "Sari Wulandari", "order")
    ] * 2
    assert tickets[0]["issued"] == "2026-11-20 15:00:00 WIB"
    assert (order["order"], order["state"], order["places"]) == (
        sold.order.code, "paid", "2x Reguler Sari Wulandari",
    )  # fmt: skip
    assert order["total"] == str(sold.order.total.amount)


@pytest.mark.parametrize("difference", [-5_000, 0, 20_000])
def test_the_last_column_of_orders_is_what_staff_accepted_as_paid_too_much_or_too_little(
    database: Database, export_rows: Callable[..., Rows], paid_order: PlacedOrder, difference: int
) -> None:
    with database.transaction() as connection:
        accepted = update(orders).values(accepted_difference=difference)
        connection.execute(accepted.where(orders.c.id == paid_order.order.id))

    [order] = export_rows(ExportKind.ORDERS)

    assert list(order.items())[-1] == ("accepted difference", str(difference))


@pytest.mark.usefixtures("sold")
def test_no_export_contains_a_ticket_token(
    database: Database, export_rows: Callable[..., Rows]
) -> None:
    with database.transaction() as connection:
        query = select(generated_tickets.c.qr_code_data)
        pictures = set(connection.execute(query).scalars())

    cells = {cell for export in ExportKind for row in export_rows(export) for cell in row.values()}

    assert len(pictures) == 2
    assert not pictures & cells


def test_guests_without_a_ticket_are_exported_with_the_reason_and_escaped(
    database: Database, event: Event, add_guests: Callable[..., list[int]],
    export_rows: Callable[..., Rows],
) -> None:  # fmt: skip
    first, second = add_guests(event, 2)
    with database.transaction() as connection:
        connection.execute(update(guests).where(guests.c.id == first).values(full_name="=1+1"))
        held = update(entitlements).where(entitlements.c.guest_id == second)
        connection.execute(held.values(hold_reason="belum lunas"))

    now, afterwards = export_rows(ExportKind.MISSING), export_rows(ExportKind.MISSING, days=60)

    assert [one["reason"] for one in now] == ["no ticket issued yet", "on hold: belum lunas"]
    assert now[0]["name"] == "'=1+1"
    assert {one["reason"] for one in afterwards} == {"event is over"}


@pytest.mark.usefixtures("paid_order")
def test_messages_are_listed_as_far_as_they_have_come(
    send: Send, export_rows: Callable[..., Rows]
) -> None:
    send()

    found = {
        (one["purpose"], one["address"], one["state"]) for one in export_rows(ExportKind.DELIVERIES)
    }

    assert found == {("order.paid", "panitia@example.org", "sent")}


@pytest.mark.usefixtures("paid_order")
def test_the_rows_of_an_export_are_one_query_with_a_server_side_cursor(
    database: Database, event: Event, now: datetime
) -> None:
    asked: list[bool] = []
    events_of.listen(
        database.engine,
        "after_cursor_execute",
        lambda _, cursor, *__: asked.append(isinstance(cursor, ServerCursor)),
    )

    for export in ExportKind:
        write_export(database, event, export, InMemorySheet(100_000), at=now)

    guest_sheets = 2  # tickets and missing: the names of the kept columns are read first
    assert (asked.count(True), asked.count(False)) == (len(ExportKind), guest_sheets)


@pytest.mark.usefixtures("paid_order")
def test_a_mailed_export_has_the_rows_at_sending_and_is_enqueued_once_a_day(
    database: Database, event: Event, send: Send, mails: MailSimulator, now: datetime,
    buy: Callable[..., PlacedOrder], budi: Buyer,
) -> None:  # fmt: skip
    send()
    left = [
        queue_export_mail(
            database, event, ExportKind.ORDERS, at=now + timedelta(hours=hours), by="cli"
        )
        for hours in (0, 8, 9, 10)  # midnight in Jakarta is nine hours later
    ]
    buy(budi)
    send(minutes=600)

    assert left == [True, False, True, False]
    mail, same = [one for one in mails.mails("panitia@example.org") if one.files]
    assert mail.message["Subject"] == "Wisuda Periode II 2026: wisuda-2026-orders.csv, 2 baris"
    assert mail.files["wisuda-2026-orders.csv"].startswith(b"\xef\xbb\xbforder;state;")
    assert same.files == mail.files


@pytest.mark.usefixtures("paid_order")
def test_an_export_too_large_for_a_mail_fails_with_the_remedy(
    database: Database, event: Event, send: Send, sender: NotificationSender, now: datetime
) -> None:
    small = replace(
        sender, message_context=replace(sender.message_context, max_attachment_bytes=100)
    )
    send()
    queue_export_mail(database, event, ExportKind.ORDERS, at=now, by="cli")

    done = send(through=small)

    (failed,) = list_deliveries(database, event, failed=True)
    assert (done.failed, failed.purpose) == (1, "export.ready")
    assert failed.last_error == (
        "the CSV file exceeds 100 bytes, too large for a mail:"
        " use `ticketing export wisuda-2026 orders`"
    )


@pytest.mark.usefixtures("paid_order")
def test_each_day_what_changed_is_mailed_and_a_mail_is_no_change(
    database: Database, send: Send, now: datetime
) -> None:
    later = max(now, datetime.now(UTC)) + timedelta(days=3)
    wanted = (ExportKind.TICKETS, ExportKind.ORDERS)
    always = timedelta(days=36500)
    send()

    def left(at: datetime, near: timedelta) -> int:
        return queue_daily_export_mails(database, wanted, window=near, at=at, by="dagster")

    first = [left(now, timedelta(days=7)), left(now, timedelta(days=30)), left(now, always)]
    send(minutes=(later - now) / timedelta(minutes=1) - 60)

    assert first == [0, 2, 0]
    assert left(later, always) == 0
