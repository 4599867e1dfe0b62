"""The scenario: sale, kills, recovery and scheduled work."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from threading import Thread

from sqlalchemy import text

from chaos import report
from chaos.buyers import BuyerPool
from chaos.disruptions import DISRUPTIONS, needs_root
from chaos.environment import SimulatedEnvironment
from chaos.fault_schedule import inject_faults, resume_whatsapp
from chaos.outlet import open_sale
from chaos.processes import ProcessManager
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.notifications.deliver import MessagingConnector, NotificationSender, deliver_all
from ticketing.platform.application import Application
from ticketing.platform.db import inbox
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.payments.fulfil_paid import fulfil_paid_orders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.reconcile import reconcile
from ticketing.tickets.generate import GenerationContext
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.router_clients import RouterClientPool, RouterConnector

# processes listed more often are killed more often
KILL_TARGETS = (*["web"] * 3, *["worker"] * 3, "run", "PostgreSQL")
NOTIFICATION_WAIT_SECONDS = 1
ACTOR = "chaos"


@dataclass(frozen=True, slots=True)
class ChaosScenario:
    """Parameters of a scenario: duration, seed, share of vouchers, rate of faults."""

    seconds: float
    seed: int
    noise: float
    voucher_share: float  # share of the buyers
    min_purchases: int  # minimum number of paid voucher purchases
    calm_seconds: float  # maximum wait before scheduled work runs
    seconds_between_kills: float  # mean time between kills
    buyer_threads: int  # concurrent buyers
    disruptions: tuple[str, ...] = ()  # instead of kills, one after the other


def run_scenario(scenario: ChaosScenario, folder: Path) -> dict[str, object]:
    """Run a scenario and return the report; `violations` must be empty."""
    with (
        SimulatedEnvironment(scenario.seed) as environment,
        ProcessManager(
            folder,
            environment.settings(),
            small_disk=any(map(needs_root, scenario.disruptions)),
            shifted_clock="clock-jump" in scenario.disruptions,
        ) as processes,
    ):
        offer = open_sale(processes.application, environment)
        buyers = BuyerPool(processes.url, environment, offer, scenario.seed, scenario.voucher_share)
        environment.set_webhook_base_url(processes.url)
        environment.midtrans.faults.set(
            noise=scenario.noise, disorder_seconds=0.3, answer_seconds=0.3, hanging_every=12,
            hanging_seconds=8.0,
        )  # fmt: skip
        with (
            inject_faults(
                environment, processes.application.database, scenario.seed
            ) as fault_counts,
            _running_buyers(buyers, scenario.buyer_threads),
        ):
            (_disrupt if scenario.disruptions else _kill_randomly)(processes, scenario, buyers)
        environment.midtrans.faults.clear()
        _wait_until_idle(processes, environment, scenario)
        _run_scheduled_work(processes, environment, buyers)
        return {
            "seed": scenario.seed,
            "killed": dict(processes.kill_counts),
            "disruptions": dict(processes.disruption_counts),
            "runs": dict(processes.run_counts),
            "fault_counts": dict(fault_counts),
            "buyers": dict(buyers.outcomes),
            "answers": dict(buyers.errors),
            "notifications": len(environment.midtrans.notifications()),
            **report.build_report(processes, environment, buyers),
        }


@contextmanager
def _running_buyers(buyers: BuyerPool, number: int) -> Iterator[None]:
    lines = [Thread(target=buyers.run_buyers, args=(each, number)) for each in range(number)]
    for line in lines:
        line.start()
    try:
        yield
    finally:
        buyers.closed.set()
        for line in lines:
            line.join()


def _kill_randomly(processes: ProcessManager, scenario: ChaosScenario, buyers: BuyerPool) -> None:
    draw = random.Random(scenario.seed)  # noqa: S311 - no secret
    ends = time.monotonic() + scenario.seconds
    while time.monotonic() < ends or buyers.purchases < scenario.min_purchases:
        time.sleep(scenario.seconds_between_kills * draw.uniform(0.3, 1.7))
        processes.keep_running()
        processes.kill(draw.choice(KILL_TARGETS), draw)


def _disrupt(processes: ProcessManager, scenario: ChaosScenario, buyers: BuyerPool) -> None:
    """Cause the disruptions in turn, each for some seconds, with as long a calm between them."""
    ends, names = time.monotonic() + scenario.seconds, cycle(scenario.disruptions)
    time.sleep(scenario.seconds_between_kills)
    while time.monotonic() < ends or buyers.purchases < scenario.min_purchases:
        name = next(names)
        with DISRUPTIONS[name](processes):
            time.sleep(scenario.seconds_between_kills)
        processes.disruption_counts[name] += 1
        processes.keep_running()
        time.sleep(scenario.seconds_between_kills)
        processes.keep_running()


def _wait_until_idle(
    processes: ProcessManager, environment: SimulatedEnvironment, scenario: ChaosScenario
) -> None:
    """Run all processes until pending notifications and due work are processed."""
    processes.keep_running()
    processes.wait_until_ready()
    for payment in environment.midtrans.bank.payments():
        if payment.status == "pending":
            environment.midtrans.bank.push(payment.order_id, "time-out")
    deadline = time.monotonic() + scenario.calm_seconds
    while time.monotonic() < deadline and _has_pending_work(processes):
        time.sleep(0.5)
    for name in ("worker", "run"):
        processes.stop(name)


def _has_pending_work(processes: ProcessManager) -> bool:
    with processes.application.database.transaction() as connection:
        at = datetime.now(UTC)
        if inbox.has_overdue(connection, at, at=at):
            return True
        return bool(connection.execute(_HAS_PENDING_VOUCHERS).scalar_one())


def _run_scheduled_work(
    processes: ProcessManager, environment: SimulatedEnvironment, buyers: BuyerPool
) -> None:
    """Run the scheduled jobs as if hours had passed, again after late payments.

    In the end no further requests are accepted and everything received is processed.
    """
    with (
        processes.application.get(MessagingConnector).connect() as sender,
        processes.application.get(RouterConnector).connect() as routers,
    ):
        for hours in (1.1, 2.1, 6, 12):
            _run_due_work(processes.application, sender, routers, hours)
            for attempt in buyers.late_attempts:
                environment.midtrans.bank.push(attempt, "settle")
            buyers.late_attempts.clear()
            time.sleep(NOTIFICATION_WAIT_SECONDS)
        processes.stop("web")
        for hours in (24, 36):  # a question that was not answered in time is repeated
            _run_due_work(processes.application, sender, routers, hours)


def _run_due_work(
    application: Application, sender: NotificationSender, clients: RouterClientPool, hours: float
) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    context = GenerationContext(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )
    while fulfil_paid_orders(context, application.get(Midtrans), at=at, by=ACTOR).has_progress:
        pass
    expire_orders(application.database, application.get(Midtrans), at=at, by=ACTOR)
    reconcile(application.database, application.get(Midtrans), at=at, by=ACTOR)
    provision_all(ProvisioningContext(application.database, clients, lambda: at, ACTOR))
    deliver_all(application.database, sender, clock=lambda: at)
    while resume_whatsapp(application.database, at=at):
        deliver_all(application.database, sender, clock=lambda: at)


_HAS_PENDING_VOUCHERS = text(
    "SELECT EXISTS (SELECT FROM vouchers WHERE state IN ('pending', 'provisioning'))"
)
