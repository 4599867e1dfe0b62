"""Tests of validity: counted from the first use that a poll finds, never too short."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from ticketing.monitoring.queue_queries import list_router_availability
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.vouchers.maintenance import expire_vouchers
from ticketing.vouchers.model import ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.provisioning.poll_usage import PollResult, poll_routers
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher

HOUR = timedelta(hours=1)
Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]
Poll = Callable[[], list[PollResult]]
Expire = Callable[[], int]


@pytest.fixture
def poll(database: Database, router_pool: RouterClientPool, clock: StoppedClock) -> Poll:
    """Return a function that polls all routers."""
    return lambda: poll_routers(database, router_pool, clock=clock, by="cron")


@pytest.fixture
def expire(database: Database, clock: StoppedClock) -> Expire:
    """Expire vouchers whose validity has ended."""
    return lambda: expire_vouchers(database, at=clock.now, by="cron", chunk=1)


@pytest.fixture
def log_in(device: RouterOsSimulator) -> Callable[..., None]:
    """Return a function that logs in with the first voucher on one or more devices."""

    def use(*devices: str) -> None:
        code = device.users()[0]["name"]
        for name in devices or ("phone",):
            device.log_in(code, code, name)

    return use


@pytest.fixture
def rejected_third(database: Database) -> Iterator[None]:
    """Make the database refuse to end a third voucher."""
    with database.transaction() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF (SELECT count(*) FROM vouchers WHERE state = 'revoking') = 2"
                " THEN RAISE EXCEPTION 'killed'; END IF; RETURN NEW; END $$;"
                "CREATE TRIGGER break BEFORE UPDATE ON vouchers"
                " FOR EACH ROW EXECUTE FUNCTION break()"
            )
        )
    yield
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS break ON vouchers"))


def test_a_voucher_is_valid_from_its_first_use_and_then_removed(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    poll: Poll, expire: Expire, log_in: Callable[..., None], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    clock.forward(days=3)
    log_in()
    began = clock.now
    clock.forward(minutes=20)

    looks = poll()
    clock.forward(minutes=39)
    too_early = expire()
    clock.forward(minutes=1)
    ended = expire()
    provision()

    (voucher,) = list_vouchers()
    assert looks == [PollResult("lobby", found=1, first_used=1)]
    assert (voucher.first_used_at, voucher.expires_at) == (began, began + HOUR)
    assert (too_early, ended) == (0, 1)
    assert (voucher.state, voucher.revoked_reason) == (VoucherState.REMOVED, "expired")
    assert (device.users(), device.online_users(), device.cookies()) == ([], [], [])


def test_later_polls_do_not_change_the_first_use(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    poll: Poll, log_in: Callable[..., None], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    log_in()
    began = clock.now
    clock.forward(minutes=5)
    poll()
    device.restart()
    clock.forward(minutes=30)

    again = poll()

    (voucher,) = list_vouchers()
    assert again == [PollResult("lobby", found=1)]
    assert (voucher.first_used_at, voucher.expires_at) == (began, began + HOUR)


def test_two_devices_online_at_once_do_not_shorten_the_validity(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    poll: Poll, log_in: Callable[..., None], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    device.add_profile("family", shared_users="2")
    buy(offer(profile="family", shared_users=2))
    provision()
    clock.forward(hours=5)
    log_in("phone", "tablet")
    began = clock.now
    clock.forward(minutes=20)

    poll()

    (voucher,) = list_vouchers()
    assert voucher.first_used_at == began


def test_an_online_user_is_found_before_the_router_counts_its_time(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    poll: Poll, log_in: Callable[..., None], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    log_in()
    began = clock.now
    clock.forward(minutes=20)
    device.online_users()  # the time that has passed is counted
    device.run_in_loop(lambda: [row.update(uptime="0s") for row in device.machine.hotspot.users])

    poll()

    (voucher,) = list_vouchers()
    assert voucher.first_used_at == began


def test_from_the_sale_a_voucher_ends_whether_it_is_used_or_not(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision, poll: Poll,
    expire: Expire, log_in: Callable[..., None], list_vouchers: ListVouchers, now: datetime,
) -> None:  # fmt: skip
    buy(offer(validity_start=ValidityStart.FROM_SALE), 2)
    provision()
    clock.forward(minutes=50)
    log_in()
    clock.forward(minutes=5)
    poll()
    clock.forward(minutes=5)

    ended = expire()

    assert ended == 2
    assert [voucher.expires_at for voucher in list_vouchers()] == [now + HOUR, now + HOUR]


def test_an_apparently_unused_voucher_does_not_expire_before_a_poll(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision, poll: Poll,
    expire: Expire, log_in: Callable[..., None], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer(unused_expiry=timedelta(days=30)), 2)
    provision()
    poll()
    clock.forward(days=29, hours=23, minutes=59)
    log_in()
    clock.forward(minutes=2)

    unseen = expire()
    poll()
    seen = expire()

    used, unused = list_vouchers()
    assert (unseen, seen) == (0, 1)
    assert (used.state, unused.state) == (VoucherState.ACTIVE, VoucherState.REVOKING)


def test_an_unused_voucher_without_a_limit_never_expires(
    clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision, poll: Poll, expire: Expire
) -> None:
    buy(offer())
    provision()
    clock.forward(days=3650)

    poll()

    assert expire() == 0


@pytest.mark.parametrize(
    "terms", [{"bytes_limit": 1_000_000}, {"online_limit": timedelta(minutes=10)}]
)
def test_a_used_up_voucher_ends(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    poll: Poll, log_in: Callable[..., None], list_vouchers: ListVouchers, terms: dict[str, object],
) -> None:  # fmt: skip
    buy(offer(**terms))
    provision()
    log_in()
    clock.forward(minutes=9)
    device.add_traffic(device.users()[0]["name"], bytes_in=1_000, bytes_out=999_000)
    clock.forward(minutes=1)

    looks = poll()

    (voucher,) = list_vouchers()
    assert looks == [PollResult("lobby", found=1, first_used=1, used_up=1)]
    assert (voucher.state, voucher.revoked_reason) == (VoucherState.REVOKING, "used up")


def test_an_unreachable_router_stops_no_poll_of_another(
    database: Database, stored_router: StoredRouter, offer: Offer, buy: Buy, provision: Provision,
    poll: Poll,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    here = stored_router.address
    with database.transaction() as connection:
        dead = RouterAddress(here.host, here.username, here.password_encrypted, port=1, tls=False)
        router_queries.upsert(connection, "annexe", dead)

    annexe, seen = poll()

    assert annexe.error.startswith("router annexe")
    assert seen == PollResult("lobby", found=1)


@pytest.mark.usefixtures("stored_router")
def test_a_router_that_does_not_answer_polls_is_down_before_somebody_has_paid(
    database: Database, device: RouterOsSimulator,
    clock: StoppedClock, poll: Poll, list_incidents: Callable[[], list[Incident]],
) -> None:  # fmt: skip
    never_called = database.run(list_router_availability)
    poll()
    answered = database.run(list_router_availability)
    device.power_off()
    poll()
    failed = database.run(list_router_availability)
    early = list_incidents()
    clock.forward(minutes=5)
    poll()
    (incident,) = list_incidents()
    device.power_on()
    clock.forward(minutes=5)
    poll()
    (resolved,) = list_incidents()

    assert (never_called, answered, failed) == ({}, {"lobby": True}, {"lobby": False})
    assert early == []
    assert "connection failed" in incident.message
    assert "No voucher is waiting for it" in incident.message
    assert database.run(list_router_availability) == {"lobby": True}
    assert (incident.resolved_at, resolved.resolved_at is None) == (None, False)


@pytest.mark.usefixtures("rejected_third")
def test_killed_between_chunks_the_next_run_ends_the_rest(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    expire: Expire, list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer(validity_start=ValidityStart.FROM_SALE), 4)
    provision()
    clock.forward(hours=2)
    with pytest.raises(Exception, match="killed"):
        expire()
    with database.transaction() as connection:
        connection.execute(text("DROP TRIGGER break ON vouchers"))

    rest = expire()

    with database.transaction() as connection:
        noted = connection.execute(
            select(audit_log.c["items"]).where(audit_log.c.action == "vouchers.expire")
        ).scalars()
        assert list(noted) == [1, 1, 1, 1]
    assert rest == 2
    assert {voucher.state for voucher in list_vouchers()} == {VoucherState.REVOKING}


def test_a_voucher_being_refunded_is_left_to_the_refund(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    expire: Expire, list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer(validity_start=ValidityStart.FROM_SALE), 2)
    provision()
    clock.forward(hours=2)
    first, second = list_vouchers()
    with database.transaction() as connection:
        connection.execute(select(vouchers.c.id).where(vouchers.c.id == first.id).with_for_update())

        ended = expire()

    assert ended == 1
    assert [one.id for one in list_vouchers() if one.state is VoucherState.REVOKING] == [second.id]
