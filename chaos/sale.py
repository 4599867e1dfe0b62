"""The whole story: the sale, its deaths, the calm, and what is done by the clock afterwards."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from sqlalchemy import insert

from chaos.crowd import Crowd
from chaos.house import House
from chaos.reckoning import offences, read, summary
from simulators.midtrans.server import MidtransSimulator
from ticketing.actions.expire_orders import expire_orders
from ticketing.actions.generate import Means
from ticketing.actions.reconcile import reconcile
from ticketing.actions.serve_paid import serve_paid
from ticketing.store import inbox_state
from ticketing.store.schema import events, ticket_types
from ticketing.store.schema_sales import promos

LINES = 8
LADDERS_HOUR_IN_SECONDS = 1.0
# whoever is named more often dies more often
VICTIMS = (*["web"] * 3, *["worker"] * 3, "run", "PostgreSQL")
CALM_SECONDS = 60
TOLD_WITHIN_SECONDS = 1
PAUSES_SECONDS = (1.0, 6.0)


@dataclass(frozen=True, slots=True)
class Story:
    """How long, which of all possible ones, and how much of what the gateway says goes wrong."""

    seconds: float
    seed: int
    noise: float = 0.25


def play(story: Story, folder: Path) -> dict[str, object]:
    """Play it to its end; `offences` of the report must be empty."""
    with (
        MidtransSimulator(speed=3600 / LADDERS_HOUR_IN_SECONDS, seed=story.seed) as midtrans,
        House(folder, midtrans.url) as house,
    ):
        event_id, kinds = _open_sale(house)
        crowd = Crowd(house.url, midtrans, str(event_id), kinds, story.seed)
        midtrans.faults.set(noise=story.noise, disorder_seconds=0.3)
        with _buying(crowd):
            _kill_now_and_then(house, story)
        midtrans.faults.clear()
        _calm_down(house, midtrans)
        _let_the_day_pass(house, midtrans, crowd)
        books, payments = read(house.office.database, event_id), midtrans.bank.payments()
        found = offences(
            books, payments, confirmed=crowd.confirmed, documents=house.office.settings.documents
        )
        return {
            "seed": story.seed,
            "killed": dict(house.deaths),
            "runs": dict(house.runs),
            "buyers": dict(crowd.ends),
            "answers": dict(crowd.troubles),
            "notifications": len(midtrans.notifications()),
            **summary(books, payments),
            "offences": sorted(found),
        }


def _open_sale(house: House) -> tuple[int, tuple[int, ...]]:
    at = datetime.now(UTC)
    event = {"slug": "wisuda", "name": "Wisuda", "starts_at": at + timedelta(days=22)}
    place = {"time_zone": "Asia/Jakarta", "locale": "id", "venue": "Grha", "region": "ID"}
    code = {"code": "HEMAT", "kind": "percent", "value": 10, "max_uses": 15, "valid_from": at}
    with house.office.database.transaction() as connection:
        event_id = connection.execute(
            insert(events)
            .values(event | place | {"ends_at": at + timedelta(days=23)})
            .returning(events.c.id)
        ).scalar_one()
        kinds = connection.execute(
            insert(ticket_types)
            .values(
                [
                    {"event_id": event_id, "on_sale": True, **terms}
                    for terms in (
                        {"name": "Reguler", "price": 50_000, "capacity": 5000},
                        {"name": "Kursi depan", "price": 150_000, "capacity": 40},
                    )
                ]
            )
            .returning(ticket_types.c.id)
        ).scalars()
        numbers = tuple(kinds)
        until = {"event_id": event_id, "valid_until": at + timedelta(days=1)}
        connection.execute(insert(promos).values(code | until))
    return event_id, numbers


@contextmanager
def _buying(crowd: Crowd) -> Iterator[None]:
    lines = [
        Thread(target=crowd.buy_until_closing, args=(number, LINES)) for number in range(LINES)
    ]
    for line in lines:
        line.start()
    try:
        yield
    finally:
        crowd.closing.set()
        for line in lines:
            line.join()


def _kill_now_and_then(house: House, story: Story) -> None:
    draw = random.Random(story.seed)  # noqa: S311 - no secret
    ends = time.monotonic() + story.seconds
    while time.monotonic() < ends:
        time.sleep(draw.uniform(*PAUSES_SECONDS))
        house.keep_running()
        house.kill(draw.choice(VICTIMS), draw)


def _calm_down(house: House, midtrans: MidtransSimulator) -> None:
    """Everybody runs, the gateway tells what it still has to tell, and what is due is done."""
    house.keep_running()
    house.wait_until_open()
    for payment in midtrans.bank.payments():
        if payment.status == "pending":
            midtrans.bank.push(payment.order_id, "time-out")
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline and _something_waits(house):
        time.sleep(0.5)
    for name in ("worker", "run"):
        house.stop(name)


def _something_waits(house: House) -> bool:
    with house.office.database.transaction() as connection:
        return inbox_state.count_due(connection, at=datetime.now(UTC), most=1) > 0


def _let_the_day_pass(house: House, midtrans: MidtransSimulator, crowd: Crowd) -> None:
    """What schedules do: hours later, and again after money that came too late."""
    office, gateway = house.office, house.office.midtrans
    means = Means(office.database, office.keys, office.renderer, office.folder)
    for hours in (1.1, 2.1, 6, 12):
        at = datetime.now(UTC) + timedelta(hours=hours)
        while serve_paid(means, gateway, at=at, by="chaos").did_something:
            pass
        expire_orders(office.database, gateway, at=at, by="chaos")
        reconcile(office.database, gateway, at=at, by="chaos")
        for attempt in crowd.late:
            midtrans.bank.push(attempt, "settle")
        crowd.late.clear()
        time.sleep(TOLD_WITHIN_SECONDS)
