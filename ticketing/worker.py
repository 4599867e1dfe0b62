"""The worker: hears the bell and serves who has paid at once, with everything loaded beforehand.

One thread asks the gateway and settles, one makes tickets, one calls webhooks, one sends messages:
whoever does not answer keeps nobody from a ticket that is paid for. Everything it does is found in
rows, so it can be killed, be absent, or be there twice.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from ticketing.actions.deliver import Mailroom, deliver
from ticketing.actions.generate import Means
from ticketing.actions.send_hooks import Post, send_hooks
from ticketing.actions.serve_paid import (
    Served,
    Service,
    handled,
    make_owed_tickets,
    settle_side_by_side,
)
from ticketing.actions.settle import Gateway, Settlement
from ticketing.domain.errors import TicketingError, Unavailable
from ticketing.store import bell, events
from ticketing.store.bell import Bell

LOG = structlog.stdlib.get_logger("ticketing.worker")
BY = "worker"
PATROL_SECONDS = 2.0  # for what no bell rang for: a lost ring, a free order, another try
LISTENS_SECONDS = 0.5  # how soon it notices that it is to stop
REST_SECONDS = 1.0  # while PostgreSQL is away


@dataclass
class Worker:
    """Works from `run` until `stop`."""

    means: Means
    gateway: Gateway
    clock: Callable[[], datetime]
    post: Post | None = None  # none: others are told by somebody else
    mailroom: Mailroom | None = None  # none: messages are sent by somebody else
    _stopping: bool = False
    _to_settle: threading.Event = field(default_factory=threading.Event)
    _to_make: threading.Event = field(default_factory=threading.Event)
    _to_tell: threading.Event = field(default_factory=threading.Event)
    _to_send: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End after what is in hand. A signal may call this: it takes no lock."""
        self._stopping = True

    def run(self) -> None:
        """Listen and work until told to stop."""
        with suppress(Unavailable):
            warm(self.means)
        with self._benches():
            LOG.info("worker began")
            while not self._stopping:
                try:
                    with bell.listening(self.means.database) as ours:
                        self._listen(ours)
                except Unavailable as error:
                    LOG.warning("worker cannot listen", why=str(error))
                    time.sleep(REST_SECONDS)
        LOG.info("worker ended")

    def _listen(self, ours: Bell) -> None:
        self._wake()  # for what came while nobody listened
        while not self._stopping:
            if ours.rings(LISTENS_SECONDS):
                self._wake()

    def _wake(self) -> None:
        self._to_settle.set()
        self._to_make.set()
        self._to_tell.set()
        self._to_send.set()

    @contextmanager
    def _benches(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._bench, args=(self._settle, self._to_settle)),
            threading.Thread(target=self._bench, args=(self._make, self._to_make)),
            threading.Thread(target=self._bench, args=(self._tell, self._to_tell)),
            threading.Thread(target=self._bench, args=(self._send, self._to_send)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop()
            self._wake()
            for thread in threads:
                thread.join()

    def _bench(self, work: Callable[[], bool], woken: threading.Event) -> None:
        """Work whenever woken, and every few seconds, as long as there is something to do."""
        while not self._stopping:
            woken.wait(PATROL_SECONDS)
            woken.clear()
            try:
                while work() and not self._stopping:
                    pass
            except Unavailable as error:
                LOG.warning("worker waits", why=str(error))
                time.sleep(REST_SECONDS)
            except Exception as error:  # noqa: BLE001 - the rows are as they were; it tries again
                LOG.warning("worker stumbled", kind=type(error).__name__)
                time.sleep(REST_SECONDS)

    def _settle(self) -> bool:
        done = settle_side_by_side(self.means.database, self.gateway, at=self.clock(), by=BY)
        tell_settled(done)
        if done.applied:
            self._to_make.set()
            self._to_tell.set()
            self._to_send.set()
        return handled(done) > 0

    def _make(self) -> bool:
        served = make_owed_tickets(self.means, at=self.clock(), by=BY)
        for each in served:
            tell_served(each)
        if served:
            self._to_send.set()
        return any(each.people for each in served)

    def _tell(self) -> bool:
        if self.post is None:
            return False
        means = self.means
        told = send_hooks(means.database, self.post, means.keys, at=self.clock(), by=BY)
        if told.calls:
            LOG.info("webhooks called", delivered=told.delivered, failed=told.failed)
        return told.calls > 0

    def _send(self) -> bool:
        if self.mailroom is None:
            return False
        done = deliver(self.means.database, self.mailroom, at=self.clock())
        if done.attempts:
            LOG.info(
                "messages sent", sent=done.sent, error=done.error, failed=done.failed,
                unknown=done.unknown,
            )  # fmt: skip
        return done.attempts + done.taken > 0


def warm(means: Means) -> None:
    """Load the engine, the fonts and the templates, so that the first buyer need not wait."""
    with means.database.transaction() as connection:
        templates = {event.template_id for event in events.everything(connection)} | {"classic"}
    for template_id in sorted(templates):
        try:
            means.renderer.check(template_id)
        except TicketingError as error:
            LOG.warning("template cannot print", template=template_id, why=str(error))


def tell(service: Service) -> None:
    """The lines of a round."""
    tell_settled(service.settlement)
    for served in service.served:
        tell_served(served)


def tell_settled(done: Settlement) -> None:
    """One line of what was settled, if anything was."""
    if handled(done) or done.postponed:
        LOG.info(
            "payments settled", applied=done.applied, unchanged=done.unchanged,
            quarantined=done.quarantined, postponed=done.postponed,
        )  # fmt: skip


def tell_served(served: Served) -> None:
    """One line of what an event's buyers got, or why they did not."""
    if served.generation is None:
        LOG.warning("tickets not made", event_id=served.event.id, why=served.trouble)
        return
    made = served.generation
    LOG.info(
        "tickets made", event_id=served.event.id, job_id=made.job_id, created=made.created,
        renewed=made.renewed, failed=made.failed, seconds=round(made.seconds, 3),
    )  # fmt: skip
