"""Maintenance jobs of sales, for schedules and manual runs."""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticketing.platform.application import Application
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.remind_instalments import enqueue_instalment_reminders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.reconcile import reconcile
from ticketing.selling.refunds.send_refunds import send_refunds


@dg.op
def expire_unpaid_orders(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Expire unpaid orders and release their places, unless a payment may still arrive.

    Also enqueues reminders of due instalments.
    """
    with run_attempt(context):
        expired = expire_orders(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=ACTOR
        )
        reminded = enqueue_instalment_reminders(application.database, at=datetime.now(UTC))
    context.log.info("%s expired, %s left, %s stuck", expired.expired, expired.left, expired.stuck)
    context.add_output_metadata(asdict(expired) | {"reminded": reminded})


@dg.op
def reconcile_payments(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Query the gateway about every open payment and store changes."""
    with run_attempt(context) as deadline:
        done = reconcile(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=ACTOR,
            progress=lambda checked: deadline(checked, None),
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
    """Send pending refunds to the gateway and query those with an unknown result."""
    with run_attempt(context):
        sent = send_refunds(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=ACTOR
        )
    context.log.info("%s done, %s failed, %s waiting", sent.done, sent.failed, sent.waiting)
    context.add_output_metadata(asdict(sent))


@dg.job
def order_expiry() -> None:
    """Expires unpaid orders and releases their places. Safe to run again."""
    expire_unpaid_orders()


@dg.job
def payment_reconciliation() -> None:
    """Stores payment changes from the gateway and sends pending refunds. Safe to run again."""
    reconcile_payments()
    send_pending_refunds()
