"""`ticketing worker`: fulfil paid orders as soon as they are paid."""

import sys
from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application

SWITCH_INTERVAL_SECONDS = 0.0005


def worker(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Process what is due now, then exit.")
    ] = False,
) -> None:
    """Fulfil paid orders as soon as they are paid.

    Issues tickets, provisions vouchers and sends messages. Ctrl-C stops it. Without a worker
    Dagster does the same, some seconds later.
    """
    import signal
    from types import FrameType

    from ticketing.app.doctor_installation import register_host
    from ticketing.app.worker import ACTOR, Worker
    from ticketing.app.worker_log import log_fulfilment, log_provisioning
    from ticketing.billing.sync.drive import BillingConnector, drive_next
    from ticketing.notifications.deliver import MessagingConnector, deliver_all
    from ticketing.orders.holds import HoldLimits
    from ticketing.selling.payments.fulfil_paid import FulfilmentLoop
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.tickets.generate import GenerationContext
    from ticketing.vouchers.provisioning.context import ProvisioningContext
    from ticketing.vouchers.provisioning.provision import provision_all
    from ticketing.vouchers.provisioning.router_clients import RouterConnector
    from ticketing.webhooks.client import WebhookClient
    from ticketing.webhooks.send import send_all_due_calls

    with (
        open_application() as application,
        application.get(MessagingConnector).connect() as sender,
        application.get(RouterConnector).connect() as router_clients,
    ):
        application.settings.require_public_url()
        register_host(application, at=now())
        context = application.get(GenerationContext)
        gateway, webhooks = application.get(Midtrans), application.get(WebhookClient)
        concurrency = application.settings.midtrans_concurrency
        billing = application.find(BillingConnector)
        if once:
            FulfilmentLoop(
                context, gateway, now, actor(), log_fulfilment, concurrency
            ).run_until_done()
            for done in provision_all(
                ProvisioningContext(application.database, router_clients, now, actor())
            ):
                log_provisioning(done)
            send_all_due_calls(application.database, webhooks, context.keys, clock=now, by=actor())
            deliver_all(application.database, sender, clock=now)
            if billing is not None:
                drive_next(application.database, billing, clock=now)
            return
        provisioning = ProvisioningContext(application.database, router_clients, now, ACTOR)
        # a thread that renders delays each of a payment's 30 queries for so long: 300 payments were
        # settled in 26 s instead of 30 s
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        holds = application.get(HoldLimits)
        process = Worker(
            context, gateway, now, holds, webhooks, sender, provisioning, concurrency, billing
        )

        def stop(_signal: int, _frame: FrameType | None) -> None:
            process.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        process.run()
