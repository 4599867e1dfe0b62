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

    context: GenerationContext
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    webhook_transport: WebhookTransport | None = None  # none: others are told by somebody else
    sender: NotificationSender | None = None  # none: messages are sent by somebody else
    provisioning: ProvisioningContext | None = None  # none: somebody else goes to the routers
    _stopping: bool = False
    _settle_event: threading.Event = field(default_factory=threading.Event)
    _tickets_event: threading.Event = field(default_factory=threading.Event)
    _webhooks_event: threading.Event = field(default_factory=threading.Event)
    _mail_event: threading.Event = field(default_factory=threading.Event)
    _whatsapp_event: threading.Event = field(default_factory=threading.Event)
    _provision_event: threading.Event = field(default_factory=threading.Event)
    _router_pool: RouterWorkerPool | None = None

    def stop(self) -> None:
        """End after what is in hand. A signal may call this: it takes no lock."""
        self._stopping = True

    def run(self) -> None:
        """Listen and work until told to stop."""
        with suppress(Unavailable):
            warm_up(self.context)
        with self._run_threads():
            LOG.info("worker began")
            while not self._stopping:
                try:
                    with notify.listen(self.context.database) as ours:
                        self._listen(ours)
                except Unavailable as error:
                    LOG.warning("worker cannot listen", why=str(error))
                    time.sleep(ERROR_BACKOFF_SECONDS)
        LOG.info("worker ended")

    def _listen(self, listener: NotificationListener) -> None:
        self._wake_all()  # for what came while nobody listened
        while not self._stopping:
            if listener.wait(LISTEN_TIMEOUT_SECONDS):
                self._wake_all()

    def _wake_all(self) -> None:
        self._settle_event.set()
        self._tickets_event.set()
        self._webhooks_event.set()
        self._wake_senders()
        self._provision_event.set()

    @contextmanager
    def _run_threads(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._run_loop, args=(self._settle, self._settle_event)),
            threading.Thread(target=self._run_loop, args=(self._make_tickets, self._tickets_event)),
            threading.Thread(
                target=self._run_loop, args=(self._send_webhooks, self._webhooks_event)
            ),
            threading.Thread(target=self._run_loop, args=(self._send_mail, self._mail_event)),
            threading.Thread(
                target=self._run_loop, args=(self._send_whatsapp, self._whatsapp_event)
            ),
            threading.Thread(target=self._run_loop, args=(self._provision, self._provision_event)),
        ]
        means = self.provisioning
        self._router_pool = RouterWorkerPool(means, self._on_router_done) if means else None
        with self._router_pool or nullcontext():
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self.stop()
                self._wake_all()
                for thread in threads:
                    thread.join()

    def _run_loop(self, work: Callable[[], bool], event: threading.Event) -> None:
        """Work whenever woken, and every few seconds, as long as there is something to do."""
        while not self._stopping:
            event.wait(POLL_SECONDS)
            event.clear()
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
        done = settle_concurrently(self.context.database, self.gateway, at=self.clock(), by=ACTOR)
        log_settlement(done)
        if done.applied:
            self._tickets_event.set()
            self._webhooks_event.set()
            self._wake_senders()
            self._provision_event.set()
        return handled_count(done) > 0

    def _make_tickets(self) -> bool:
        served = generate_missing_tickets(self.context, at=self.clock(), by=ACTOR)
        for each in served:
            log_generation(each)
        if served:
            self._wake_senders()
        return any(each.changed_count for each in served)

    def _send_webhooks(self) -> bool:
        if self.webhook_transport is None:
            return False
        means = self.context
        told = send_due_calls(
            means.database, self.webhook_transport, means.keys, at=self.clock(), by=ACTOR
        )
        if told.call_count:
            LOG.info("webhooks called", delivered=told.delivered, failed=told.failed)
        return told.call_count > 0

    def _wake_senders(self) -> None:
        self._mail_event.set()
        self._whatsapp_event.set()

    def _send_mail(self) -> bool:
        return self._send(Channel.MAIL)

    def _send_whatsapp(self) -> bool:
        if self.sender is None:
            return False
        doors = self.sender.channels
        heard = process_status_webhooks(self.context.database, doors, at=self.clock()).handled
        return self._send(Channel.WHATSAPP) or heard > 0

    def _send(self, channel: Channel) -> bool:
        if self.sender is None:
            return False
        done = deliver_due(self.context.database, self.sender, at=self.clock(), channels=(channel,))
        if done.attempts:
            LOG.info(
                "messages sent", by=channel, sent=done.sent, error=done.error, failed=done.failed,
                unknown=done.unknown,
            )  # fmt: skip
        if done.taken or done.failed:
            self._wake_senders()  # perhaps by the other channel
        return done.attempts + done.taken > 0

    def _provision(self) -> bool:
        if self._router_pool is not None:
            self._router_pool.submit_due()
        return False

    def _on_router_done(self, done: ProvisionResult | BaseException, has_more_work: bool) -> None:
        if isinstance(done, BaseException):
            LOG.warning("router not served", kind=type(done).__name__)
            return
        log_provisioning(done)
        if done.told:
            self._wake_senders()
        if has_more_work:
            self._provision_event.set()


def warm_up(context: GenerationContext) -> None:
    """Load the engine, the fonts and the templates, so that the first buyer need not wait."""
    with context.database.transaction() as connection:
        templates = {event.template_id for event in event_queries.list_events(connection)} | {
            "classic"
        }
    for template_id in sorted(templates):
        try:
            context.renderer.check_template(template_id)
        except TicketingError as error:
            LOG.warning("template cannot print", template=template_id, why=str(error))


def log_fulfilment(service: FulfilmentResult) -> None:
    """The lines of a round."""
    log_settlement(service.settlement)
    for served in service.event_fulfilments:
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
        LOG.warning("tickets not made", event_id=served.event.id, why=served.error)
        return
    made = served.generation
    LOG.info(
        "tickets made", event_id=served.event.id, job_id=made.job_id, created=made.created,
        renewed=made.renewed, failed=made.failed, seconds=round(made.seconds, 3),
    )  # fmt: skip


def log_provisioning(done: ProvisionResult) -> None:
    """A line of what came to be on a router or off it, and one of its trouble."""
    if done.has_progress or done.refused:
        LOG.info(
            "vouchers provisioned", router=done.router, placed=done.placed, removed=done.removed,
            renamed=done.renamed, refused=done.refused, orders=done.told,
        )  # fmt: skip
    if done.foreign:
        LOG.warning("rows that are not ours left alone", router=done.router, rows=done.foreign)
    if done.trouble:
        LOG.warning("router failed", router=done.router, why=done.trouble)
