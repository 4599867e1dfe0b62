"""Jobs without assets: maintenance of sales, vouchers, webhooks and documents; export mails."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticket_assets.run_queue import OPERATIONAL, area
from ticket_assets.vouchers import JOB_ACTOR, ROUTER_POOL
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.orders.holds import HoldLimits
from ticketing.platform.application import Application
from ticketing.reporting.export import queue_daily_export_mails
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.remind_instalments import enqueue_instalment_reminders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.reconcile import reconcile
from ticketing.selling.refunds.refund_late_payments import refund_late_payments
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.waiting_list.offer_places import offer_free_places
from ticketing.tickets.rendering.retention_queries import delete_expired_documents
from ticketing.vouchers.maintenance import maintain_vouchers
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.router_clients import RouterConnector
from ticketing.webhooks import call_queries
from ticketing.webhooks.client import WebhookClient
from ticketing.webhooks.send import send_all_due_calls


@dg.op
def expire_unpaid_orders(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Expire unpaid orders and release their places, unless a payment may still arrive.

    Also offers free places to the waiting lists, and enqueues reminders of due instalments.
    """
    with run_attempt(context):
        expired = expire_orders(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=ACTOR,
            concurrency=application.settings.midtrans_concurrency,
        )  # fmt: skip
        offered = offer_free_places(
            application.database, application.get(HoldLimits), at=datetime.now(UTC), by=ACTOR
        )
        reminded = enqueue_instalment_reminders(application.database, at=datetime.now(UTC))
    context.log.info("%s expired, %s left, %s stuck", expired.expired, expired.left, expired.stuck)
    context.add_output_metadata(asdict(expired) | {"reminded": reminded, "offered": offered})


@dg.op
def reconcile_payments(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Query the gateway about every open payment and store changes."""
    with run_attempt(context) as deadline:
        done = reconcile(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=ACTOR,
            progress=lambda checked: deadline(checked, None),
            concurrency=application.settings.midtrans_concurrency,
        )  # fmt: skip
    context.log.info(
        "%s checked, %s corrected, %s mismatches",
        done.checked,
        done.corrected,
        len(done.mismatches),
    )
    context.add_output_metadata(
        {
            "checked": done.checked,
            "corrected": done.corrected,
            "agreed": done.agreed,
            "unused": done.unused,
            "mismatches": metadata.markdown_table(
                ["payment", "difference"], done.mismatches, total=len(done.mismatches)
            ),
        }
    )


@dg.op
def send_pending_refunds(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Refund late payments, send pending refunds, and query those with an unknown result."""
    concurrency = application.settings.midtrans_concurrency
    with run_attempt(context):
        late = refund_late_payments(
            application.database, application.get(Midtrans), at=datetime.now(UTC),
            concurrency=concurrency,
        )  # fmt: skip
        sent = send_refunds(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=ACTOR,
            concurrency=concurrency,
        )  # fmt: skip
    context.log.info("%s done, %s failed, %s waiting", sent.done, sent.failed, sent.waiting)
    context.add_output_metadata(asdict(sent) | {"late payments refunded": late})


@dg.job(tags={**OPERATIONAL, **area("sales")})
def order_expiry() -> None:
    """Expires unpaid orders and releases their places. Safe to run again."""
    expire_unpaid_orders()


@dg.job(tags={**OPERATIONAL, **area("sales")})
def payment_reconciliation() -> None:
    """Stores payment changes from the gateway and sends pending refunds. Safe to run again."""
    reconcile_payments()
    send_pending_refunds()


@dg.op(pool=ROUTER_POOL)
def maintain_all_vouchers(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Read usage from every router, end expired vouchers, fill the pools, update the routers."""
    with run_attempt(context), application.get(RouterConnector).connect() as clients:
        provisioning = ProvisioningContext(
            application.database, clients, lambda: datetime.now(UTC), JOB_ACTOR
        )
        done = maintain_vouchers(application.database, clients, clock=provisioning.clock, by=ACTOR)
        results = provision_all(provisioning)
    unreachable = [(poll.router, poll.error) for poll in done.polls if poll.error]
    context.log.info(
        "%s vouchers ended, %s added to pools", done.clean_up.expired, done.pools.allocated
    )
    context.add_output_metadata(
        {
            "first used": sum(poll.first_used for poll in done.polls),
            "limit reached": sum(poll.used_up for poll in done.polls),
            **asdict(done.clean_up),
            "added to pools": done.pools.allocated,
            "removed from routers": sum(one.removed for one in results),
            "unreachable routers": metadata.markdown_table(
                ["router", "error"], unreachable, total=len(unreachable)
            ),
        }
    )


@dg.job(tags={**OPERATIONAL, **area("hotspot")})
def voucher_maintenance() -> None:
    """Ends expired vouchers and fills the pools of prepared vouchers. Safe to run again."""
    maintain_all_vouchers()


@dg.op
def send_due_webhook_calls(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Send all due webhook calls and delete calls that ended a month ago."""
    with run_attempt(context):
        sent = send_all_due_calls(
            application.database,
            application.get(WebhookClient),
            application.get(KeyRing),
            clock=lambda: datetime.now(UTC),
            by=ACTOR,
        )
        with application.database.transaction() as connection:
            deleted = call_queries.delete_old(connection, at=datetime.now(UTC))
    context.log.info("%s delivered, %s failed", sent.delivered, sent.failed)
    context.add_output_metadata(asdict(sent) | {"deleted": deleted})


@dg.job(tags={**OPERATIONAL, **area("messages")})
def webhooks() -> None:
    """Sends all due webhook calls. Safe to run again."""
    send_due_webhook_calls()


EXPORT_HORIZON = timedelta(days=30)


@dg.op
def enqueue_exports(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Enqueue the exports of DAILY_EXPORTS for every upcoming event that changed within a day."""
    kinds = application.settings.daily_export_kinds
    with run_attempt(context):
        mails = queue_daily_export_mails(
            application.database, kinds, window=EXPORT_HORIZON, at=datetime.now(UTC), by=ACTOR
        )
    context.add_output_metadata({"mails": mails})


@dg.job(tags=area("sales"))
def daily_exports() -> None:
    """Mails exports of changed events to the organiser, each once a day. Safe to run again."""
    enqueue_exports()


class RetentionConfig(dg.Config):
    """Options of deletion."""

    dry_run: bool = Field(default=False, description="Only report; delete nothing.")


@dg.op
def remove_expired_documents(
    context: dg.OpExecutionContext,
    config: RetentionConfig,
    application: dg.ResourceParam[Application],
) -> None:
    """Delete the PDFs of past events; the tickets' rows stay."""
    with run_attempt(context):
        removed = delete_expired_documents(
            application.database, application.get(DocumentFolder), at=datetime.now(UTC),
            days=application.settings.retention_days, by=ACTOR, dry_run=config.dry_run,
        )  # fmt: skip
    for event in removed:
        context.log.info(
            "event %s: %s PDFs, %s bytes%s", event.event_slug, event.documents, event.size,
            " would be deleted" if config.dry_run else " deleted",
        )  # fmt: skip
    context.add_output_metadata({"PDFs": sum(event.documents for event in removed)})


@dg.job(tags=area("tickets"))
def document_retention() -> None:
    """Deletes PDFs of events that ended DOCUMENT_RETENTION_DAYS ago. Safe to run again."""
    remove_expired_documents()
