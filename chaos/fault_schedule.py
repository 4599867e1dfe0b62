"""Random faults of routers, WhatsApp and the mail server during the sale.

Faults of payment notifications are part of the scenario; processes are killed in sale.py.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread

from chaos.environment import SimulatedEnvironment
from simulators.routeros.faults import RouterFault
from ticketing.notifications.channel_policy import resume_channel
from ticketing.notifications.delivery import Channel
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused, Unavailable

PAUSES_SECONDS = (0.3, 1.5)
COMMANDS = ("/ip/hotspot/user/add", "/ip/hotspot/user/print", "/ip/hotspot/user/remove", "")
NO_FAULTS = {
    "banned": False,
    "lost": 0,
    "duplicates": 0,
    "forged": 0,
    "disorder": False,
    "delay_seconds": 0.0,
    "answers": [],
}

RandomSource = random.Random
FaultInjector = Callable[[SimulatedEnvironment, RandomSource], None]


@contextmanager
def inject_faults(
    environment: SimulatedEnvironment, database: Database, seed: int
) -> Iterator[Counter[str]]:
    """Inject faults inside `with` and yield their counts; all faults are cleared at the end."""
    over, seen = Event(), Counter[str]()
    chance = random.Random(seed)  # noqa: S311 - no secret
    sky = Thread(target=_inject_until, args=(environment, database, chance, over, seen))
    sky.start()
    try:
        yield seen
    finally:
        over.set()
        sky.join()
        clear_faults(environment)


def _inject_until(
    environment: SimulatedEnvironment,
    database: Database,
    randomness: RandomSource,
    stopped: Event,
    counts: Counter[str],
) -> None:
    while not stopped.wait(randomness.uniform(*PAUSES_SECONDS)):
        what = randomness.choice(list(FAULT_INJECTORS))
        FAULT_INJECTORS[what](environment, randomness)
        counts[what] += 1
        resume_whatsapp(database, at=datetime.now(UTC))


def clear_faults(environment: SimulatedEnvironment) -> None:
    """Clear all faults; the configured behaviour of numbers stays."""
    environment.whatsapp.faults.set(**NO_FAULTS)
    environment.mail.faults.set()
    for router in environment.routers.values():
        router.faults.clear()
        router.power_on()


def resume_whatsapp(database: Database, *, at: datetime) -> bool:
    """Resume WhatsApp after an automatic stop, as an operator would; return if it was stopped."""
    with suppress(Refused, Unavailable):
        resume_channel(database, Channel.WHATSAPP, at=at, by="chaos")
        return True
    return False


def _router_fault(**fault: object) -> FaultInjector:
    """Create a fault for one of the next commands of a router; one fault at a time."""

    def inject(environment: SimulatedEnvironment, randomness: RandomSource) -> None:
        faults = randomness.choice(list(environment.routers.values())).faults
        given = {
            "command": randomness.choice(COMMANDS),
            "skip": randomness.choice((0, 0, 1, 5)),
        } | fault
        faults.clear()
        faults.add(RouterFault(**given))  # type: ignore[arg-type]  # fields of the fault

    return inject


def _router_power_loss(environment: SimulatedEnvironment, randomness: RandomSource) -> None:
    randomness.choice(list(environment.routers.values())).restart(randomness.uniform(0.5, 3))


def _whatsapp_faults(**switches: object) -> FaultInjector:
    """Create a fault that stays set until the next one replaces it."""

    def apply(environment: SimulatedEnvironment, _: RandomSource) -> None:
        environment.whatsapp.faults.set(**NO_FAULTS | switches)

    return apply


def _whatsapp_response_fault(**fault: object) -> FaultInjector:
    return _whatsapp_faults(answers=[{"path": "/messages", "times": 4} | fault])


def _mail_faults(*stages: str, limit: int = 0, **fault: object) -> FaultInjector:
    def apply(environment: SimulatedEnvironment, _: RandomSource) -> None:
        faults = [{"stage": stage, "times": 3} | fault for stage in stages]
        environment.mail.faults.set(meets=faults, mails_a_connection=limit)

    return apply


FAULT_INJECTORS: dict[str, FaultInjector] = {
    "router drops": _router_fault(kind="drop"),
    "router acts, then drops": _router_fault(kind="act-then-drop"),
    "router cuts its answer": _router_fault(kind="cut"),
    "router is silent": _router_fault(kind="silence"),
    "router acts and is silent": _router_fault(kind="act-then-silence"),
    "router is slow": _router_fault(kind="slow", seconds=1.5, times=3),
    "router refuses": _router_fault(kind="trap", times=3),
    "router refuses without a word": _router_fault(kind="bare-trap"),
    "router says !fatal": _router_fault(kind="fatal", message="out of memory"),
    "router acts, then reboots": _router_fault(kind="reboot", seconds=2.0),
    "router loses power": _router_power_loss,
    "WhatsApp limits the rate": _whatsapp_response_fault(kind="rate-limit", retry_after=2),
    "WhatsApp accepts, then hangs up": _whatsapp_response_fault(kind="act-then-hang-up"),
    "WhatsApp accepts, then times out": _whatsapp_response_fault(
        kind="act-then-stall", seconds=3, times=2
    ),
    "WhatsApp hangs up": _whatsapp_response_fault(kind="hang-up"),
    "WhatsApp is unavailable": _whatsapp_response_fault(kind="error"),
    "WhatsApp's proxy answers": _whatsapp_response_fault(kind="html", status=502),
    "WhatsApp bans": _whatsapp_faults(banned=True),
    "reports are lost": _whatsapp_faults(lost=9),
    "reports come twice": _whatsapp_faults(duplicates=1),
    "reports come late, last first": _whatsapp_faults(disorder=True, delay_seconds=0.5),
    "reports are forged": _whatsapp_faults(forged=5),
    "mail is cut in DATA": _mail_faults("content"),
    "mail is cut before its answer": _mail_faults("end", "accepted"),
    "mail is put off": _mail_faults("rcpt", "end", reply="451 4.3.0 Try again later"),
    "mail server is overrun": _mail_faults("mail", reply="421 4.7.0 Too many connections", limit=3),
}
