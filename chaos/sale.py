"""The whole story: the sale, its deaths, the calm, and what is done by the clock afterwards."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from sqlalchemy import text

from chaos import verdict
from chaos.crowd import Crowd
from chaos.house import House
from chaos.outlet import open_sale
from chaos.town import Town
from chaos.weather import bad_weather, let_whatsapp_go_on
from ticketing.actions.deliver import Mailroom, MessagingConnector, deliver_all
from ticketing.actions.expire_orders import expire_orders
from ticketing.actions.generate import Means
from ticketing.actions.provision import provision
from ticketing.actions.provisioning import Provisioner
from ticketing.actions.reconcile import reconcile
from ticketing.actions.router_doors import RouterConnector, RouterDoors
from ticketing.actions.serve_paid import serve_paid
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.gateways.midtrans import Midtrans
from ticketing.signing.keys import KeyRing
from ticketing.store import inbox_state

# whoever is named more often dies more often
VICTIMS = (*["web"] * 3, *["worker"] * 3, "run", "PostgreSQL")
TOLD_WITHIN_SECONDS = 1
BY = "chaos"


@dataclass(frozen=True, slots=True)
class Story:
    """How long, which of all possible ones, and how much of what the gateway says goes wrong."""

    seconds: float
    seed: int
    noise: float
    for_vouchers: float  # share of the buyers
    purchases: int  # of vouchers: it goes on until so many are paid for
    calm_seconds: float  # at the most, before the clock is turned
    apart_seconds: float  # one death from the next, on average
    lines: int  # of buyers, one after the other in each


def play(story: Story, folder: Path) -> dict[str, object]:
    """Play it to its end; `offences` of the report must be empty."""
    with Town(story.seed) as town, House(folder, town.settings()) as house:
        offer = open_sale(house.application, town)
        crowd = Crowd(house.url, town, offer, story.seed, story.for_vouchers)
        town.report_to(house.url)
        town.midtrans.faults.set(noise=story.noise, disorder_seconds=0.3)
        with (
            bad_weather(town, house.application.database, story.seed) as weather,
            _buying(crowd, story.lines),
        ):
            _kill_now_and_then(house, story, crowd)
        town.midtrans.faults.clear()
        _calm_down(house, town, story)
        _let_the_day_pass(house, town, crowd)
        return {
            "seed": story.seed,
            "killed": dict(house.deaths),
            "runs": dict(house.runs),
            "weather": dict(weather),
            "buyers": dict(crowd.ends),
            "answers": dict(crowd.troubles),
            "notifications": len(town.midtrans.notifications()),
            **verdict.reached(house, town, crowd),
        }


@contextmanager
def _buying(crowd: Crowd, number: int) -> Iterator[None]:
    lines = [Thread(target=crowd.buy_until_closing, args=(each, number)) for each in range(number)]
    for line in lines:
        line.start()
    try:
        yield
    finally:
        crowd.closing.set()
        for line in lines:
            line.join()


def _kill_now_and_then(house: House, story: Story, crowd: Crowd) -> None:
    draw = random.Random(story.seed)  # noqa: S311 - no secret
    ends = time.monotonic() + story.seconds
    while time.monotonic() < ends or crowd.purchases < story.purchases:
        time.sleep(story.apart_seconds * draw.uniform(0.3, 1.7))
        house.keep_running()
        house.kill(draw.choice(VICTIMS), draw)


def _calm_down(house: House, town: Town, story: Story) -> None:
    """Everybody runs, the gateway tells what it still has to tell, and what is due is done."""
    house.keep_running()
    house.wait_until_open()
    for payment in town.midtrans.bank.payments():
        if payment.status == "pending":
            town.midtrans.bank.push(payment.order_id, "time-out")
    deadline = time.monotonic() + story.calm_seconds
    while time.monotonic() < deadline and _something_waits(house):
        time.sleep(0.5)
    for name in ("worker", "run"):
        house.stop(name)


def _something_waits(house: House) -> bool:
    with house.application.database.transaction() as connection:
        if inbox_state.count_due(connection, at=datetime.now(UTC), most=1):
            return True
        return bool(connection.execute(_VOUCHERS_WAIT).scalar_one())


def _let_the_day_pass(house: House, town: Town, crowd: Crowd) -> None:
    """What schedules do: hours later, and again after money that came too late.

    In the end nobody is heard any more, and what was said until then is taken to its end.
    """
    with (
        house.application.get(MessagingConnector).connect() as mailroom,
        house.application.get(RouterConnector).connect() as doors,
    ):
        for hours in (1.1, 2.1, 6, 12):
            _do_what_is_due(house.application, mailroom, doors, hours)
            for attempt in crowd.late:
                town.midtrans.bank.push(attempt, "settle")
            crowd.late.clear()
            time.sleep(TOLD_WITHIN_SECONDS)
        house.stop("web")
        _do_what_is_due(house.application, mailroom, doors, 24)


def _do_what_is_due(
    application: Application, mailroom: Mailroom, doors: RouterDoors, hours: float
) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    means = Means(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )
    while serve_paid(means, application.get(Midtrans), at=at, by=BY).did_something:
        pass
    expire_orders(application.database, application.get(Midtrans), at=at, by=BY)
    reconcile(application.database, application.get(Midtrans), at=at, by=BY)
    provision(Provisioner(application.database, doors, lambda: at, BY))
    deliver_all(application.database, mailroom, clock=lambda: at)
    while let_whatsapp_go_on(application.database, at=at):
        deliver_all(application.database, mailroom, clock=lambda: at)


_VOUCHERS_WAIT = text("SELECT EXISTS (SELECT FROM vouchers WHERE state IN ('owed', 'asked'))")
