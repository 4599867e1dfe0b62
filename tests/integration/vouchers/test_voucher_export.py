"""Tests of the export of sold vouchers, without codes and passwords."""

from collections.abc import Callable
from datetime import datetime

from ticketing.events.model import Event
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import InMemorySheet
from ticketing.reporting.export import write_export
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher


def test_sold_vouchers_are_listed_without_codes_and_passwords(
    database: Database, event: Event, offer: Callable[..., StoredPackage],
    buy: Callable[..., Order], provision: Callable[[], ProvisionResult],
    list_vouchers: Callable[[], list[Voucher]], now: datetime,
) -> None:  # fmt: skip
    order = buy(offer(pool_size=1), 2)
    provision()
    sheet = InMemorySheet(100_000)

    rows = write_export(database, event, ExportKind.VOUCHERS, sheet, at=now)

    text, vouchers = sheet.content.decode("utf-8-sig"), list_vouchers()
    header, first, second = text.splitlines()
    assert (rows, header.split(";")[:2]) == (2, ["order", "number"])
    assert [line.split(";")[:2] for line in (first, second)] == [
        [order.code, "1"], [order.code, "2"],
    ]  # fmt: skip
    assert first.split(";")[4:8] == ["5k", "5000", "lobby", "active"]
    secrets = {
        word for one in vouchers for word in (one.credentials.name, one.credentials.password)
    }
    assert not [word for word in secrets if word in text]
