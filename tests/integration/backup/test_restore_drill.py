"""The drill: a backup taken before ten sales is restored, and gateway and router complete it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from simulators.midtrans.server import SERVER_KEY, MidtransSimulator
from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import ACCOUNT, RouterOsSimulator
from ticketing.backup import restore_queries
from ticketing.backup.create_backup import CreatedBackup
from ticketing.backup.restore_backup import restore_backup
from ticketing.backup.source import BackupSource
from ticketing.backup.status import get_restore_status
from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.verify import RejectionReason
from ticketing.events.model import Event
from ticketing.notifications import channel_queries
from ticketing.notifications.delivery import Channel
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Order, OrderState, Selection
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import Conflict
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers import queries as router_queries
from ticketing.routers.credentials import CodeRule
from ticketing.routers.queries import RouterAddress
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.reconcile import reconcile
from ticketing.selling.payments.settle import settle, store_notification
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.allocate import fill_pools
from ticketing.vouchers.model import Package, VoucherState
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_router
from ticketing.vouchers.provisioning.reconcile_router import compare_router, repair_router
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher


@dataclass
class Shop:
    """A program that sells tickets and vouchers with one database, and the outer world."""

    database: Database
    gateway: Midtrans
    bank: MidtransSimulator
    routers: RouterClientPool
    keys: KeyRing
    clock: StoppedClock
    event: Event
    numbers: Iterator[int] = field(default_factory=count)

    def place(self, ticket_type_id: int) -> Order:
        """Place an order of one place."""
        phone = f"+62812{next(self.numbers):08}"
        return place_order(
            self.database, self.event, requested=[Selection(ticket_type_id, 1)],
            buyer=Buyer(f"tel:{phone}", "Sari", "", phone), at=self.clock(), by="web",
        ).order  # fmt: skip

    def begin(self, order: Order) -> str:
        """Open the payment page and choose a method; return the key of the attempt."""
        pay_order(
            self.database, self.gateway, order.id, finish_url="https://shop.example/x",
            at=self.clock(), by="web",
        )  # fmt: skip
        key: str = self.bank.bank.sessions()[-1].order_id
        self.bank.push(key, "choose", "bca_va")
        return key

    def notify(self, key: str) -> None:
        """Store the gateway's notification of an attempt, as the web service does."""
        payment = next(one for one in self.bank.bank.payments() if one.order_id == key)
        body = payment.notification_body(SERVER_KEY)
        store_notification(
            self.database, json.dumps(body).encode(), server_key=SERVER_KEY, at=self.clock()
        )

    def settle(self) -> None:
        """Settle stored notifications."""
        settle(self.database, self.gateway, at=self.clock(), by="worker")

    def pay(self, order: Order) -> str:
        """Pay an order to the end."""
        key = self.begin(order)
        self.bank.push(key, "pay")
        self.notify(key)
        self.settle()
        return key

    def reconcile(self) -> None:
        """Ask the gateway about everything open."""
        reconcile(self.database, self.gateway, at=self.clock(), by="schedule")

    def provision(self) -> None:
        """Put vouchers on the router and take revoked ones off, as the worker does."""
        context = ProvisioningContext(
            self.database, self.routers, self.clock, by="worker", jitter=lambda: 0.5
        )
        with self.database.transaction() as connection:
            (router,) = router_queries.list_all(connection)
        provision_router(context, router.id)

    def issue(self) -> list[str]:
        """Issue missing tickets and return the texts of all QR codes."""
        with self.database.transaction() as connection:
            job = batch_queries.get_or_create_batch(
                connection, key=f"batch-{next(self.numbers)}", event=self.event, options={},
                template_id="classic", by="worker", at=self.clock(),
            ).id  # fmt: skip
        issue_tickets(
            self.database, self.event, keys=self.keys, job_id=job, at=self.clock(), by="worker"
        )
        query = select(generated_tickets.c.qr_code_data).order_by(generated_tickets.c.id)
        with self.database.transaction() as connection:
            return list(connection.execute(query).scalars())

    def states(self, orders: list[Order]) -> set[OrderState]:
        """Return the states of orders."""
        with self.database.transaction() as connection:
            return {order_queries.get(connection, order.id).state for order in orders}

    def vouchers(self) -> list[Voucher]:
        """Return all vouchers."""
        with self.database.transaction() as connection:
            return voucher_queries.list_where(connection)


@pytest.fixture
def clock(now: datetime) -> StoppedClock:
    return StoppedClock(now)


@pytest.fixture
def device(clock: StoppedClock) -> Iterator[RouterOsSimulator]:
    with RouterOsSimulator(clock=clock) as switched_on:
        switched_on.add_profile("1h", shared_users="1")
        yield switched_on


@pytest.fixture
def open_shop(
    clock: StoppedClock, keys: KeyRing, event: Event
) -> Iterator[Callable[[Database], Shop]]:
    """Return a function that opens a shop with a database."""
    with MidtransSimulator(clock=clock) as bank:
        account = MidtransAccount.for_base_url(bank.url, SERVER_KEY)
        with Midtrans(account, pause=lambda _: None) as gateway, RouterClientPool(keys) as routers:
            yield lambda database: Shop(database, gateway, bank, routers, keys, clock, event)


@pytest.fixture
def seat_id(database: Database, event: Event) -> int:
    """Put a ticket type on sale."""
    values = {"event_id": event.id, "name": "VIP", "price": 50_000, "on_sale": True}
    with database.transaction() as connection:
        query = insert(ticket_types).values(values).returning(ticket_types.c.id)
        return connection.execute(query).scalar_one()


@pytest.fixture
def hotspot_id(database: Database, event: Event, device: RouterOsSimulator, keys: KeyRing) -> int:
    """Put a voucher package with a pool of two on sale."""
    address = RouterAddress(
        device.host, ACCOUNT.name, keys.encrypt(ACCOUNT.password), device.port, tls=False
    )
    values = {"event_id": event.id, "name": "Wi-Fi", "price": 5_000, "on_sale": True}
    package = Package("5k", "Wi-Fi", Rupiah(5_000), "1h", timedelta(hours=1))
    with database.transaction() as connection:
        stored = router_queries.upsert(connection, "lobby", address)
        query = insert(ticket_types).values(values).returning(ticket_types.c.id)
        type_id = connection.execute(query).scalar_one()
        package_queries.upsert(
            connection, type_id, package, CodeRule("gsp"), router_id=stored.id, pool_size=2
        )
        return type_id


@dataclass
class Disaster:
    """What happened between the backup and the restore, and the shop afterwards."""

    shop: Shop
    waiting: list[Order]  # pending in the backup, paid after it
    lost_keys: list[str]  # of orders placed after the backup
    on_router: set[str]  # names of all rows before the restore
    tickets: dict[str, list[str]]  # QR codes: issued before and after the backup


@pytest.fixture
def disaster(
    open_shop: Callable[[Database], Shop], database: Database,
    make_backup: Callable[[], CreatedBackup],
    empty_place: Callable[..., BackupSource], device: RouterOsSimulator, seat_id: int,
    hotspot_id: int, passphrase: str, now: datetime,
) -> Disaster:  # fmt: skip
    """Sell before and after a backup, lose the database, and restore the backup.

    Ten sales after it: eight of orders that the backup knows, two of orders that it does not.
    """
    shop = open_shop(database)
    shop.pay(shop.place(seat_id))
    fill_pools(database, at=now, by="worker")
    shop.provision()
    before = shop.issue()
    waiting = [shop.place(kind) for kind in (seat_id, hotspot_id) * 4]
    shop.begin(waiting[0])
    declined = shop.begin(waiting[1])
    made = make_backup()
    shop.bank.push(declined, "decline")
    shop.notify(declined)
    shop.settle()
    for order in waiting[1:]:
        shop.pay(order)
    shop.bank.push(f"{waiting[0].code}-01", "pay")
    shop.notify(f"{waiting[0].code}-01")
    shop.settle()
    lost_keys = [shop.pay(shop.place(kind)) for kind in (seat_id, hotspot_id)]
    fill_pools(database, at=now, by="worker")
    shop.provision()
    after = [one for one in shop.issue() if one not in before]
    on_router = {one["name"] for one in device.users()}
    target = empty_place()
    _restore(target, made.path, passphrase, now)
    restored = open_shop(target.database)
    return Disaster(restored, waiting, lost_keys, on_router, {"before": before, "after": after})


def _restore(target: BackupSource, path: Path, passphrase: str, now: datetime) -> None:
    restore_backup(target, path, passphrase, at=now, by="operator")


@pytest.mark.slow
def test_everything_paid_comes_back_and_nothing_paid_is_removed(
    disaster: Disaster, device: RouterOsSimulator, clock: StoppedClock
) -> None:
    shop = disaster.shop
    clock.forward(hours=2)  # the reservations have ended meanwhile
    held = expire_orders(shop.database, shop.gateway, at=clock(), by="schedule")
    shop.reconcile()
    expire_orders(shop.database, shop.gateway, at=clock(), by="schedule")
    fill_pools(shop.database, at=clock(), by="schedule")
    shop.provision()

    assert held.expired == 0
    assert shop.states(disaster.waiting) == {OrderState.PAID}
    sold = [one for one in shop.vouchers() if one.order_line_id is not None]
    assert [one.state for one in sold] == [VoucherState.ACTIVE] * 4
    rows = {one["name"] for one in device.users()}
    assert disaster.on_router <= rows
    assert {
        one.credentials.name for one in sold
    } <= rows - disaster.on_router  # no code is sold twice


@pytest.mark.slow
def test_unknown_vouchers_stay_on_the_router_until_staff_decide(
    disaster: Disaster, device: RouterOsSimulator, clock: StoppedClock
) -> None:
    shop = disaster.shop
    shop.reconcile()
    shop.provision()
    with shop.database.transaction() as connection:
        (router,) = router_queries.list_all(connection)
    drift = compare_router(shop.database, shop.routers, router, clock=clock)
    repair = {"plan_hash": drift.plan_hash, "clock": clock, "by": "operator"}

    with pytest.raises(Conflict, match="restore --finish"):
        repair_router(shop.database, shop.routers, router, **repair)
    assert disaster.on_router <= {one["name"] for one in device.users()}
    assert {one.name for one in drift.orphans} == disaster.on_router

    shop.database.run(restore_queries.finish, at=clock(), by="operator")
    repaired = repair_router(shop.database, shop.routers, router, **repair)
    assert repaired.removed == len(disaster.on_router)


@pytest.mark.slow
def test_printed_tickets_are_known_or_said_to_be_younger_than_the_backup(
    disaster: Disaster, clock: StoppedClock
) -> None:
    shop, at = disaster.shop, clock() + timedelta(days=22)
    shop.reconcile()
    shop.issue()

    known = [verify_ticket(shop.database, one, at=at) for one in disaster.tickets["before"]]
    younger = [verify_ticket(shop.database, one, at=at) for one in disaster.tickets["after"]]
    forged = verify_ticket(shop.database, disaster.tickets["after"][0][:-3] + "AAA", at=at)

    assert [one.is_valid for one in known] == [True]
    assert {one.rejection for one in younger} == {RejectionReason.AFTER_BACKUP}
    assert len(younger) == 5
    assert "restored from a backup" in younger[0].note
    assert forged.rejection in {RejectionReason.BAD_SIGNATURE, RejectionReason.MALFORMED}


@pytest.mark.slow
def test_payments_of_orders_that_the_backup_does_not_have_are_listed(disaster: Disaster) -> None:
    shop = disaster.shop
    for key in disaster.lost_keys:
        shop.notify(key)  # the gateway repeats it, or staff send it from its dashboard
    shop.settle()

    status = shop.database.run(get_restore_status)

    assert status is not None
    assert list(status.unknown_payments) == disaster.lost_keys


@pytest.mark.slow
def test_nothing_is_sent_or_refunded_until_staff_decide(disaster: Disaster) -> None:
    with disaster.shop.database.transaction() as connection:
        stopped = [channel_queries.is_stopped(connection, each) for each in list(Channel)[:2]]

    assert stopped == [True, True]
    assert disaster.shop.database.run(restore_queries.is_unfinished)
