"""What goes wrong outside during the sale: routers, WhatsApp and the mail server, turn by turn.

What the bank's notices suffer is set with the story. Whoever dies of our own is in house.py.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread

from chaos.environment import Town
from simulators.routeros.faults import Fault
from ticketing.notifications.channel_policy import resume_channel
from ticketing.notifications.delivery import Channel
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused, Unavailable

PAUSES_SECONDS = (0.3, 1.5)
COMMANDS = ("/ip/hotspot/user/add", "/ip/hotspot/user/print", "/ip/hotspot/user/remove", "")
FAIR = {
    "banned": False,
    "lost": 0,
    "duplicates": 0,
    "forged": 0,
    "disorder": False,
    "delay_seconds": 0.0,
    "answers": [],
}

Draw = random.Random
Spell = Callable[[Town, Draw], None]


@contextmanager
def bad_weather(town: Town, database: Database, seed: int) -> Iterator[Counter[str]]:
    """From here to the end of `with`; gives what there was of it. Afterwards all is fair."""
    over, seen = Event(), Counter[str]()
    sky = Thread(target=_blow, args=(town, database, random.Random(seed), over, seen))  # noqa: S311 - no secret
    sky.start()
    try:
        yield seen
    finally:
        over.set()
        sky.join()
        clear_up(town)


def _blow(town: Town, database: Database, draw: Draw, over: Event, seen: Counter[str]) -> None:
    while not over.wait(draw.uniform(*PAUSES_SECONDS)):
        what = draw.choice(list(SPELLS))
        SPELLS[what](town, draw)
        seen[what] += 1
        let_whatsapp_go_on(database, at=datetime.now(UTC))


def clear_up(town: Town) -> None:
    """Nothing goes wrong from here on; what numbers are like stays."""
    town.whatsapp.faults.set(**FAIR)
    town.mail.faults.set()
    for router in town.routers.values():
        router.faults.clear()
        router.power_on()


def let_whatsapp_go_on(database: Database, *, at: datetime) -> bool:
    """As a person does who has read why it was stopped; whether it was."""
    with suppress(Refused, Unavailable):
        resume_channel(database, Channel.WHATSAPP, at=at, by="chaos")
        return True
    return False


def _router(**fault: object) -> Spell:
    """What one router does at its next command, or at one of the next; no two things at once."""

    def meets(town: Town, draw: Draw) -> None:
        faults = draw.choice(list(town.routers.values())).faults
        given = {"command": draw.choice(COMMANDS), "skip": draw.choice((0, 0, 1, 5))} | fault
        faults.clear()
        faults.add(Fault(**given))  # type: ignore[arg-type]  # a spell names its own fields

    return meets


def _loses_power(town: Town, draw: Draw) -> None:
    draw.choice(list(town.routers.values())).restart(draw.uniform(0.5, 3))


def _whatsapp(**switches: object) -> Spell:
    """What WhatsApp is like until something else is the matter with it."""

    def is_so(town: Town, _: Draw) -> None:
        town.whatsapp.faults.set(**FAIR | switches)

    return is_so


def _answers(**fault: object) -> Spell:
    return _whatsapp(answers=[{"path": "/messages", "times": 4} | fault])


def _mail(*stages: str, limit: int = 0, **fault: object) -> Spell:
    def is_so(town: Town, _: Draw) -> None:
        meets = [{"stage": stage, "times": 3} | fault for stage in stages]
        town.mail.faults.set(meets=meets, mails_a_connection=limit)

    return is_so


SPELLS: dict[str, Spell] = {
    "router drops": _router(kind="drop"),
    "router acts, then drops": _router(kind="act-then-drop"),
    "router cuts its answer": _router(kind="cut"),
    "router is silent": _router(kind="silence"),
    "router acts and is silent": _router(kind="act-then-silence"),
    "router is slow": _router(kind="slow", seconds=1.5, times=3),
    "router refuses": _router(kind="trap", times=3),
    "router refuses without a word": _router(kind="bare-trap"),
    "router says !fatal": _router(kind="fatal", message="out of memory"),
    "router acts, then reboots": _router(kind="reboot", seconds=2.0),
    "router loses power": _loses_power,
    "WhatsApp limits the rate": _answers(kind="rate-limit", retry_after=2),
    "WhatsApp accepts, then hangs up": _answers(kind="act-then-hang-up"),
    "WhatsApp accepts, then times out": _answers(kind="act-then-stall", seconds=3, times=2),
    "WhatsApp hangs up": _answers(kind="hang-up"),
    "WhatsApp is unavailable": _answers(kind="error"),
    "WhatsApp's proxy answers": _answers(kind="html", status=502),
    "WhatsApp bans": _whatsapp(banned=True),
    "reports are lost": _whatsapp(lost=9),
    "reports come twice": _whatsapp(duplicates=1),
    "reports come late, last first": _whatsapp(disorder=True, delay_seconds=0.5),
    "reports are forged": _whatsapp(forged=5),
    "mail is cut in DATA": _mail("content"),
    "mail is cut before its answer": _mail("end", "accepted"),
    "mail is put off": _mail("rcpt", "end", reply="451 4.3.0 Try again later"),
    "mail server is overrun": _mail("mail", reply="421 4.7.0 Too many connections", limit=3),
}
