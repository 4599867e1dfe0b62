"""The worker: processes payments, tickets, messages, webhooks and vouchers when there is work.

Several threads settle payments, one refunds late payments, one offers free places to waiting lists
and applies sending rules, one makes tickets, several call webhooks, one sends mails, one sends
WhatsApp messages, one serves each router, and one syncs payment records, so that a slow system
delays only its own work. All work is found in rows, so the worker can be killed, be absent, or run
twice.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from ticketing.app.worker_log import log_generation, log_provisioning, log_settlement
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.events import queries as event_queries
from ticketing.notifications.campaigns.apply_rules import apply_due_rules
from ticketing.notifications.deliver import NotificationSender, deliver_due
from ticketing.notifications.delivery import Channel
from ticketing.notifications.inbound.process_webhooks import process_status_webhooks
from ticketing.orders.holds import HoldLimits
from ticketing.platform.db import notify
from ticketing.platform.db.notify import NotificationListener
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.selling.payments.fulfil_paid import generate_missing_tickets
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.settle import STATUS_CONCURRENCY, SettlementPool
from ticketing.selling.refunds.refund_late_payments import refund_late_payments
from ticketing.selling.waiting_list.offer_places import offer_free_places
from ticketing.tickets.generate import GenerationContext
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.worker_pool import RouterWorkerPool
from ticketing.webhooks.send import WebhookCallPool, WebhookTransport

LOG = structlog.stdlib.get_logger("ticketing.app.worker")
ACTOR = "worker"
POLL_SECONDS = 2.0  # for work without a notification: a lost one, a free order, a retry
LISTEN_TIMEOUT_SECONDS = 0.5  # maximum delay until a stop is noticed
ERROR_BACKOFF_SECONDS = 1.0  # while PostgreSQL is unavailable


@dataclass
class Worker:
    """Works from `run` until `stop`. Dagster also does this work, some seconds later."""

    context: GenerationContext
    gateway: Midtrans
    clock: Callable[[], datetime]
    holds: HoldLimits
    webhook_transport: WebhookTransport | None = None  # none: Dagster calls webhooks
    sender: NotificationSender | None = None  # none: Dagster sends messages
    provisioning: ProvisioningContext | None = None  # none: Dagster serves the routers
    status_concurrency: int = STATUS_CONCURRENCY
    billing: BillingConnector | None = None  # none: no source of payment records is configured
    _stopping: bool = False
    _settle_event: threading.Event = field(default_factory=threading.Event)
    _refund_event: threading.Event = field(default_factory=threading.Event)
    _follow_up_event: threading.Event = field(default_factory=threading.Event)
    _tickets_event: threading.Event = field(default_factory=threading.Event)
    _webhooks_event: threading.Event = field(default_factory=threading.Event)
    _mail_event: threading.Event = field(default_factory=threading.Event)
    _whatsapp_event: threading.Event = field(default_factory=threading.Event)
    _provision_event: threading.Event = field(default_factory=threading.Event)
    _billing_event: threading.Event = field(default_factory=threading.Event)
    _router_pool: RouterWorkerPool | None = None

    def stop(self) -> None:
        """Stop after the work in progress. Safe in a signal handler: it takes no lock."""
        self._stopping = True

    def run(self) -> None:
        """Process the queues until `stop` is called."""
        with suppress(Unavailable):
            warm_up(self.context)
        with self._run_threads():
            LOG.info("worker started")
            while not self._stopping:
                try:
                    with notify.listen(self.context.database) as listener:
                        self._listen(listener)
                except Unavailable as error:
                    LOG.warning("worker cannot listen", error=str(error))
                    time.sleep(ERROR_BACKOFF_SECONDS)
        LOG.info("worker stopped")

    def _listen(self, listener: NotificationListener) -> None:
        self._wake_all()  # for work that came while there was no listener
        while not self._stopping:
            if listener.wait(LISTEN_TIMEOUT_SECONDS):
                self._wake_all()

    def _wake_all(self) -> None:
        self._settle_event.set()
        self._refund_event.set()
        self._follow_up_event.set()
        self._tickets_event.set()
        self._webhooks_event.set()
        self._wake_senders()
        self._provision_event.set()
        self._billing_event.set()

    @contextmanager
    def _run_threads(self) -> Iterator[None]:
        settlement_pool, call_pool = self._create_settlement_pool(), self._create_call_pool()
        settle = partial(self._settle, settlement_pool)
        send_webhooks = partial(self._send_webhooks, call_pool)
        threads = [
            threading.Thread(target=self._run_loop, args=(settle, self._settle_event)),
            threading.Thread(target=self._run_loop, args=(self._refund, self._refund_event)),
            threading.Thread(target=self._run_loop, args=(self._follow_up, self._follow_up_event)),
            threading.Thread(target=self._run_loop, args=(self._make_tickets, self._tickets_event)),
            threading.Thread(target=self._run_loop, args=(send_webhooks, self._webhooks_event)),
            threading.Thread(target=self._run_loop, args=(self._send_mail, self._mail_event)),
            threading.Thread(
                target=self._run_loop, args=(self._send_whatsapp, self._whatsapp_event)
            ),
            threading.Thread(target=self._run_loop, args=(self._provision, self._provision_event)),
            threading.Thread(
                target=self._run_loop, args=(self._sync_payments, self._billing_event)
            ),
        ]
        context = self.provisioning
        self._router_pool = RouterWorkerPool(context, self._on_router_done) if context else None
        with settlement_pool, call_pool or nullcontext(), self._router_pool or nullcontext():
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self.stop()
                self._wake_all()
                for thread in threads:
                    thread.join()

    def _create_settlement_pool(self) -> SettlementPool:
        return SettlementPool(
            self.context.database,
            self.gateway,
            clock=self.clock,
            by=ACTOR,
            concurrency=self.status_concurrency,
            on_done=self._settle_event.set,
        )

    def _create_call_pool(self) -> WebhookCallPool | None:
        if self.webhook_transport is None:
            return None
        context, wake = self.context, self._webhooks_event.set
        return WebhookCallPool(
            context.database, self.webhook_transport, context.keys,
            clock=self.clock, by=ACTOR, on_done=wake,
        )  # fmt: skip

    def _run_loop(self, work: Callable[[], bool], event: threading.Event) -> None:
        """Run `work` when woken and every few seconds, repeatedly while there is more to do."""
        while not self._stopping:
            event.wait(POLL_SECONDS)
            event.clear()
            try:
                while work() and not self._stopping:
                    pass
            except Unavailable as error:
                LOG.warning("worker waits for the database", error=str(error))
                time.sleep(ERROR_BACKOFF_SECONDS)
            except Exception as error:  # noqa: BLE001 - the rows are unchanged and are tried again
                LOG.warning("worker error", kind=type(error).__name__)
                time.sleep(ERROR_BACKOFF_SECONDS)

    def _settle(self, pool: SettlementPool) -> bool:
        done = pool.advance()
        log_settlement(done)
        if done.applied:
            self._refund_event.set()
            self._tickets_event.set()
            self._webhooks_event.set()
            self._wake_senders()
            self._provision_event.set()
        return False  # the end of every question wakes it again

    def _refund(self) -> bool:
        refunded = refund_late_payments(
            self.context.database,
            self.gateway,
            at=self.clock(),
            concurrency=self.status_concurrency,
        )
        if refunded:
            LOG.info("late payments refunded", orders=refunded)
            self._wake_senders()
        return False  # what cannot be refunded waits for staff

    def _follow_up(self) -> bool:
        database = self.context.database
        offered = offer_free_places(database, self.holds, at=self.clock(), by=ACTOR)
        sent = apply_due_rules(database, at=self.clock(), by=ACTOR)
        if offered or sent:
            LOG.info("waiting lists and sending rules", offered=offered, enqueued=sent)
            self._wake_senders()
        return False

    def _make_tickets(self) -> bool:
        served = generate_missing_tickets(self.context, at=self.clock(), by=ACTOR)
        for each in served:
            log_generation(each)
        if served:
            self._wake_senders()
        return any(each.changed_count for each in served)

    def _send_webhooks(self, pool: WebhookCallPool | None) -> bool:
        result = pool.advance() if pool else None
        if result and result.call_count:
            LOG.info("webhooks called", delivered=result.delivered, failed=result.failed)
        return False  # the end of every call wakes it again

    def _wake_senders(self) -> None:
        self._mail_event.set()
        self._whatsapp_event.set()

    def _send_mail(self) -> bool:
        return self._send(Channel.MAIL)

    def _send_whatsapp(self) -> bool:
        if self.sender is None:
            return False
        channels = self.sender.channels
        receipts = process_status_webhooks(self.context.database, channels, at=self.clock())
        return self._send(Channel.WHATSAPP) or receipts.handled > 0

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
            self._wake_senders()  # the other channel may be next
        return done.attempts + done.taken > 0

    def _provision(self) -> bool:
        if self._router_pool is not None:
            self._router_pool.submit_due()
        return False

    def _sync_payments(self) -> bool:
        """Drive a sync of payment records that was started; give it back when stopping."""
        if self.billing is None:
            return False
        database, should_stop = self.context.database, lambda: self._stopping
        run = drive_next(database, self.billing, clock=self.clock, should_stop=should_stop)
        return run is not None

    def _on_router_done(self, done: ProvisionResult | BaseException, has_more_work: bool) -> None:
        if isinstance(done, BaseException):
            LOG.warning("router not served", kind=type(done).__name__)
            return
        log_provisioning(done)
        if done.completed_orders:
            self._wake_senders()
        if has_more_work:
            self._provision_event.set()


def warm_up(context: GenerationContext) -> None:
    """Load PDF engine, fonts and templates, so that the first ticket is as fast as others."""
    with context.database.transaction() as connection:
        templates = {event.template_id for event in event_queries.list_events(connection)} | {
            "classic"
        }
    for template_id in sorted(templates):
        try:
            context.renderer.check_template(template_id)
        except TicketingError as error:
            LOG.warning("template cannot be rendered", template=template_id, error=str(error))
