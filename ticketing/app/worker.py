"""The worker: hears the bell and serves who has paid at once, with everything loaded beforehand.

One thread asks the gateway and settles, one makes tickets, one calls webhooks, one sends mails, one
WhatsApp messages, and one goes to each router: whoever does not answer keeps nobody from what is
paid for. Everything it does is found in rows, so it can be killed, be absent, or be there twice.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from ticketing.events import queries as event_queries
from ticketing.notifications.deliver import NotificationSender, deliver_due
from ticketing.notifications.delivery import Channel
from ticketing.notifications.delivery_receipts import process_status_webhooks
from ticketing.platform.db import notify
from ticketing.platform.db.notify import NotificationListener
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.selling.payments.fulfil_paid import (
    EventFulfilment,
    FulfilmentResult,
    generate_missing_tickets,
    handled_count,
    settle_concurrently,
)
from ticketing.selling.payments.settle import PaymentGateway, Settlement
from ticketing.tickets.generate import GenerationContext
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.worker_pool import RouterWorkerPool
from ticketing.webhooks.send import WebhookTransport, send_due_calls

LOG = structlog.stdlib.get_logger("ticketing.app.worker")
ACTOR = "worker"
POLL_SECONDS = 2.0  # for what no bell rang for: a lost ring, a free order, another try
LISTEN_TIMEOUT_SECONDS = 0.5  # how soon it notices that it is to stop
ERROR_BACKOFF_SECONDS = 1.0  # while PostgreSQL is away


@dataclass
class Worker:
    """Works from `run` until `stop`."""

    means: GenerationContext
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    post: WebhookTransport | None = None  # none: others are told by somebody else
    mailroom: NotificationSender | None = None  # none: messages are sent by somebody else
    provisioner: ProvisioningContext | None = None  # none: somebody else goes to the routers
    _stopping: bool = False
    _to_settle: threading.Event = field(default_factory=threading.Event)
    _to_make: threading.Event = field(default_factory=threading.Event)
    _to_tell: threading.Event = field(default_factory=threading.Event)
    _to_mail: threading.Event = field(default_factory=threading.Event)
    _to_chat: threading.Event = field(default_factory=threading.Event)
    _to_provision: threading.Event = field(default_factory=threading.Event)
    _errands: RouterWorkerPool | None = None

    def stop(self) -> None:
        """End after what is in hand. A signal may call this: it takes no lock."""
        self._stopping = True

    def run(self) -> None:
        """Listen and work until told to stop."""
        with suppress(Unavailable):
            warm_up(self.means)
        with self._benches():
            LOG.info("worker began")
            while not self._stopping:
                try:
                    with notify.listen(self.means.database) as ours:
                        self._listen(ours)
                except Unavailable as error:
                    LOG.warning("worker cannot listen", why=str(error))
                    time.sleep(ERROR_BACKOFF_SECONDS)
        LOG.info("worker ended")

    def _listen(self, ours: NotificationListener) -> None:
        self._wake()  # for what came while nobody listened
        while not self._stopping:
            if ours.rings(LISTEN_TIMEOUT_SECONDS):
                self._wake()

    def _wake(self) -> None:
        self._to_settle.set()
        self._to_make.set()
        self._to_tell.set()
        self._messages_wait()
        self._to_provision.set()

    @contextmanager
    def _benches(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._bench, args=(self._settle, self._to_settle)),
            threading.Thread(target=self._bench, args=(self._make, self._to_make)),
            threading.Thread(target=self._bench, args=(self._tell, self._to_tell)),
            threading.Thread(target=self._bench, args=(self._mail, self._to_mail)),
            threading.Thread(target=self._bench, args=(self._chat, self._to_chat)),
            threading.Thread(target=self._bench, args=(self._provision, self._to_provision)),
        ]
        means = self.provisioner
        self._errands = RouterWorkerPool(means, self._came_back) if means else None
        with self._errands or nullcontext():
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
            woken.wait(POLL_SECONDS)
            woken.clear()
            try:
                while work() and not self._stopping:
                    pass
            except Unavailable as error:
                LOG.warning("worker waits", why=str(error))
                time.sleep(ERROR_BACKOFF_SECONDS)
            except Exception as error:  # noqa: BLE001 - the rows are as they were; it tries again
                LOG.warning("worker stumbled", kind=type(error).__name__)
                time.sleep(ERROR_BACKOFF_SECONDS)

    def _settle(self) -> bool:
        done = settle_concurrently(self.means.database, self.gateway, at=self.clock(), by=ACTOR)
        log_settlement(done)
        if done.applied:
            self._to_make.set()
            self._to_tell.set()
            self._messages_wait()
            self._to_provision.set()
        return handled_count(done) > 0

    def _make(self) -> bool:
        served = generate_missing_tickets(self.means, at=self.clock(), by=ACTOR)
        for each in served:
            log_generation(each)
        if served:
            self._messages_wait()
        return any(each.people for each in served)

    def _tell(self) -> bool:
        if self.post is None:
            return False
        means = self.means
        told = send_due_calls(means.database, self.post, means.keys, at=self.clock(), by=ACTOR)
        if told.calls:
            LOG.info("webhooks called", delivered=told.delivered, failed=told.failed)
        return told.calls > 0

    def _messages_wait(self) -> None:
        self._to_mail.set()
        self._to_chat.set()

    def _mail(self) -> bool:
        return self._send(Channel.MAIL)

    def _chat(self) -> bool:
        if self.mailroom is None:
            return False
        doors = self.mailroom.channels
        heard = process_status_webhooks(self.means.database, doors, at=self.clock()).handled
        return self._send(Channel.WHATSAPP) or heard > 0

    def _send(self, channel: Channel) -> bool:
        if self.mailroom is None:
            return False
        done = deliver_due(self.means.database, self.mailroom, at=self.clock(), by=(channel,))
        if done.attempts:
            LOG.info(
                "messages sent", by=channel, sent=done.sent, error=done.error, failed=done.failed,
                unknown=done.unknown,
            )  # fmt: skip
        if done.taken or done.failed:
            self._messages_wait()  # perhaps by the other channel
        return done.attempts + done.taken > 0

    def _provision(self) -> bool:
        if self._errands is not None:
            self._errands.send()
        return False

    def _came_back(self, done: ProvisionResult | BaseException, again: bool) -> None:
        if isinstance(done, BaseException):
            LOG.warning("router not served", kind=type(done).__name__)
            return
        log_provisioning(done)
        if done.told:
            self._messages_wait()
        if again:
            self._to_provision.set()


def warm_up(means: GenerationContext) -> None:
    """Load the engine, the fonts and the templates, so that the first buyer need not wait."""
    with means.database.transaction() as connection:
        templates = {event.template_id for event in event_queries.list_events(connection)} | {
            "classic"
        }
    for template_id in sorted(templates):
        try:
            means.renderer.check(template_id)
        except TicketingError as error:
            LOG.warning("template cannot print", template=template_id, why=str(error))


def log_fulfilment(service: FulfilmentResult) -> None:
    """The lines of a round."""
    log_settlement(service.settlement)
    for served in service.served:
        log_generation(served)


def log_settlement(done: Settlement) -> None:
    """One line of what was settled, if anything was."""
    if handled_count(done) or done.postponed:
        LOG.info(
            "payments settled", applied=done.applied, unchanged=done.unchanged,
            quarantined=done.quarantined, postponed=done.postponed,
        )  # fmt: skip


def log_generation(served: EventFulfilment) -> None:
    """One line of what an event's buyers got, or why they did not."""
    if served.generation is None:
        LOG.warning("tickets not made", event_id=served.event.id, why=served.trouble)
        return
    made = served.generation
    LOG.info(
        "tickets made", event_id=served.event.id, job_id=made.job_id, created=made.created,
        renewed=made.renewed, failed=made.failed, seconds=round(made.seconds, 3),
    )  # fmt: skip


def log_provisioning(done: ProvisionResult) -> None:
    """A line of what came to be on a router or off it, and one of its trouble."""
    if done.moved or done.refused:
        LOG.info(
            "vouchers provisioned", router=done.router, placed=done.placed, removed=done.removed,
            renamed=done.renamed, refused=done.refused, orders=done.told,
        )  # fmt: skip
    if done.foreign:
        LOG.warning("rows that are not ours left alone", router=done.router, rows=done.foreign)
    if done.trouble:
        LOG.warning("router failed", router=done.router, why=done.trouble)
