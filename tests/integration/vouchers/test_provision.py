"""Tests of provisioning: pending vouchers are created once, and buyers are notified."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.faults import RouterFault
from simulators.routeros.server import RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.order import Order
from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import PROVISION_VOUCHERS_ACTION
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.vouchers import voucher_history
from ticketing.routers.model import Marker
from ticketing.vouchers import order_queries, transition_queries
from ticketing.vouchers.model import ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.transition_queries import REFUNDED

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]
ListIncidents = Callable[[], list[Incident]]
VoucherMessages = Callable[[], list[tuple[str, str, str]]]

ADD = "/ip/hotspot/user/add"


def test_vouchers_of_a_paid_order_are_provisioned_with_their_terms(
    device: RouterOsSimulator, keys: KeyRing, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers, now: datetime,
) -> None:  # fmt: skip
    buy(offer(online_limit=timedelta(hours=1), bytes_limit=10**9))

    done = provision()

    (one,) = list_vouchers()
    name = one.credentials.name
    assert (done.placed, done.trouble) == (1, "")
    assert (one.state, one.activated_at, one.expires_at) == (VoucherState.ACTIVE, now, None)
    assert device.users()[0].items() >= {
        "name": name, "password": one.credentials.password, "profile": "1h",
        "limit-uptime": "1h", "limit-bytes-total": "1000000000",
        "comment": str(Marker(keys.installation_id, one.key, name)),
    }.items()  # fmt: skip


def test_a_voucher_without_a_sold_time_limit_ends_on_its_router_after_its_validity(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer(validity=timedelta(hours=24), shared_users=2))

    provision()

    assert device.users()[0]["limit-uptime"] == "2d"


def test_the_buyer_is_notified_once_when_all_vouchers_are_active(
    offer: Offer, buy: Buy, provision: Provision, voucher_messages: VoucherMessages
) -> None:
    order = buy(offer(), 3)

    provision()
    provision()

    assert order.buyer is not None
    assert voucher_messages() == [("voucher.ready", order.code, order.buyer.phone)]


def test_the_buyer_is_not_notified_of_an_incomplete_order(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, voucher_messages: VoucherMessages,
) -> None:  # fmt: skip
    buy(offer(), 3)
    device.faults.add(RouterFault("trap", ADD, skip=2))

    first = provision()
    told_then = voucher_messages()
    clock.forward(seconds=3)
    second = provision()

    assert (first.placed, first.refused, first.completed_orders, told_then) == (2, 1, 0, [])
    assert (
        second.placed,
        second.completed_orders,
        len(voucher_messages()),
        len(device.users()),
    ) == (
        1,
        1,
        1,
        3,
    )


def test_every_transition_names_its_actor(
    database: Database, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer())

    provision()

    query = select(voucher_history.c.state, voucher_history.c.actor).order_by(voucher_history.c.id)
    with database.transaction() as connection:
        history = [tuple(row) for row in connection.execute(query)]
    assert history == [("pending", "gateway"), ("provisioning", "worker"), ("active", "worker")]


def test_validity_from_the_sale_starts_with_provisioning_after_an_outage(
    clock: StoppedClock,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    list_vouchers: ListVouchers,
    now: datetime,
) -> None:
    buy(offer(validity_start=ValidityStart.FROM_SALE, validity=timedelta(hours=24)))

    clock.forward(minutes=5)
    provision()

    assert list_vouchers()[0].expires_at == now + timedelta(hours=24, minutes=5)


def test_a_name_taken_by_a_foreign_user_is_replaced(
    device: RouterOsSimulator,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    list_vouchers: ListVouchers,
) -> None:
    buy(offer(), 2)
    first, second = list_vouchers()
    device.add_user(first.credentials.name, comment="vc-123")

    provision()
    provision()

    renamed, kept = list_vouchers()
    assert (renamed.key, kept.credentials) == (first.key, second.credentials)
    assert renamed.credentials.name not in {first.credentials.name, second.credentials.name}
    assert {row["name"]: row.get("comment") for row in device.users()}.keys() == {
        first.credentials.name, renamed.credentials.name, kept.credentials.name,
    }  # fmt: skip


def test_a_name_sent_to_a_buyer_is_never_replaced(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers, mark_pending: Callable[[Voucher], None],
    list_incidents: ListIncidents,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    before = list_vouchers()[0]
    device.reset()
    device.add_profile("1h", shared_users="1")
    device.add_user(before.credentials.name)
    mark_pending(before)

    done = provision()

    assert done.refused == 1
    assert list_vouchers()[0].credentials == before.credentials
    assert [line.cause for line in list_incidents()] == ["package:5k"]


def test_a_missing_profile_opens_one_incident_and_delays_no_other_package(
    clock: StoppedClock,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    list_vouchers: ListVouchers,
    list_incidents: ListIncidents,
) -> None:
    wrong, right = offer("wrong", profile="1hour"), offer("right")
    buy(wrong, 2)
    buy(right)

    rounds = [provision()]
    clock.forward(seconds=1)
    buy(wrong)
    rounds.append(provision())

    assert [(done.placed, done.refused) for done in rounds] == [(1, 2), (0, 1)]
    assert [one.failed_at is not None for one in list_vouchers()] == [True, True, False, True]
    (line,) = list_incidents()
    assert (line.cause, "3 vouchers of 2 orders" in line.message) == ("package:wrong", True)


def test_vouchers_are_provisioned_automatically_once_the_profile_exists(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, list_vouchers: ListVouchers, list_incidents: ListIncidents,
) -> None:  # fmt: skip
    buy(offer(profile="1hour"), 2)
    provision()

    device.add_profile("1hour", shared_users="1")
    at_once = provision()
    clock.forward(minutes=11)
    later = provision()

    assert [line.resolved_at for line in list_incidents()] == [clock()]
    assert (at_once.has_progress, later.placed, later.completed_orders) == (False, 2, 1)
    assert [(one.failed_at, one.attempt_count, one.last_error) for one in list_vouchers()] == [
        (None, 0, "")
    ] * 2


def test_an_ended_voucher_is_removed_with_its_sessions(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers,
    revoke: Callable[[Voucher], None],
) -> None:  # fmt: skip
    buy(offer(), 2)
    provision()
    over, kept = list_vouchers()
    device.log_in(over.credentials.name, over.credentials.password, "02:00:00:00:00:01")

    revoke(over)
    done = provision()

    assert (done.removed, device.online_users(), device.cookies()) == (1, [], [])
    assert [row["name"] for row in device.users()] == [kept.credentials.name]
    assert [one.state for one in list_vouchers()] == [VoucherState.REMOVED, VoucherState.ACTIVE]


def test_a_foreign_user_is_reported_and_not_removed(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers,
    revoke: Callable[[Voucher], None],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    (one,) = list_vouchers()
    device.reset()
    device.add_user(one.credentials.name, comment="mine, said the barkeeper")

    revoke(one)
    done = provision()

    assert (done.removed, done.foreign, len(device.users())) == (1, 1, 1)
    assert list_vouchers()[0].state is VoucherState.REMOVED
    assert "not ours" in list_vouchers()[0].last_error


def test_a_refused_removal_delays_no_provisioning(
    device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers, revoke: Callable[[Voucher], None],
) -> None:  # fmt: skip
    package = offer()
    buy(package)
    provision()
    revoke(list_vouchers()[0])
    device.faults.add(
        RouterFault("trap", "/ip/hotspot/user/set", message="not enough permissions (9)")
    )

    refused = provision()
    buy(package)
    bought = provision()
    clock.forward(minutes=11)
    last = provision()

    assert [(done.placed, done.refused, done.removed) for done in (refused, bought, last)] == [
        (0, 1, 0), (1, 0, 0), (0, 0, 1),
    ]  # fmt: skip


def test_an_order_refunded_during_the_router_call_stays_refunded(
    offer: Offer, buy: Buy, provision_while: Callable[..., ProvisionResult],
    list_vouchers: ListVouchers,
    voucher_messages: VoucherMessages,
    revoke: Callable[[Voucher], None], device: RouterOsSimulator, provision: Provision,
) -> None:  # fmt: skip
    buy(offer(), 2)

    done = provision_while(lambda: [revoke(one) for one in list_vouchers()])
    provision()

    assert (done.placed, done.removed, voucher_messages()) == (0, 2, [])
    assert {one.state for one in list_vouchers()} == {VoucherState.REMOVED}
    assert device.users() == []


def test_an_order_partly_refunded_before_provisioning_completes_with_the_rest(
    database: Database, offer: Offer, buy: Buy, provision: Provision, list_vouchers: ListVouchers,
    voucher_messages: VoucherMessages,
    now: datetime,
) -> None:  # fmt: skip
    order = buy(offer(), 2)

    with database.transaction() as connection:
        transition_queries.revoke(connection, [list_vouchers()[0].id], reason=REFUNDED, at=now)
        early = order_queries.enqueue_ready_notices(connection, [order.id])
    done = provision()

    assert (early, done.placed, done.completed_orders) == (0, 1, 1)
    assert [subject for _, subject, _ in voucher_messages()] == [order.code]


def test_one_reply_of_a_router_is_recorded_for_each_of_its_outlets(
    database: Database, event: Event, offer: Offer, buy: Buy, provision: Provision
) -> None:
    here, there = offer("5k"), offer("6k")
    with database.transaction() as connection:
        other = {**_columns_of(connection, event.id), "slug": "outlet-two"}
        other_id = connection.execute(
            insert(events).values(other).returning(events.c.id)
        ).scalar_one()
    buy(here, 2)
    buy(there, 1)
    with database.transaction() as connection:
        is_there = ticket_types.c.id == there.ticket_type_id
        connection.execute(update(ticket_types).where(is_there).values(event_id=other_id))

    provision()

    entries = database.run(
        audit_log.list_entries, [PROVISION_VOUCHERS_ACTION], after_id=0, excluding_actors=[],
        limit=10,
    )  # fmt: skip
    assert [(each.event_slug, each.counts["placed"]) for each in entries] == [
        (event.slug, 2),
        ("outlet-two", 1),
    ]
    assert sum(each.counts.get("completed_orders", 0) for each in entries) == 2


def _columns_of(connection: Connection, event_id: int) -> dict[str, object]:
    row = connection.execute(select(events).where(events.c.id == event_id)).mappings().one()
    return {name: value for name, value in row.items() if name not in {"id", "uid"}}
