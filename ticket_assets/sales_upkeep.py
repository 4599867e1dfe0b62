"""What keeps sales in order and makes nothing: jobs of their own, for schedules and by hand."""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets import exhibits
from ticket_assets.attempts import attempt
from ticket_assets.batch import BY
from ticketing.actions.expire_orders import expire_orders
from ticketing.actions.reconcile import reconcile
from ticketing.actions.remind_of_parts import remind_of_parts
from ticketing.actions.send_refunds import send_refunds
from ticketing.application import Application
from ticketing.gateways.midtrans import Midtrans


@dg.op
def expire_unpaid_orders(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Free the places of orders whose time is up, unless the gateway may still take the money.

    Buyers are told of parts that will be due.
    """
    with attempt(context):
        ended = expire_orders(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=BY
        )
        reminded = remind_of_parts(application.database, at=datetime.now(UTC))
    context.log.info("%s expired, %s left, %s stuck", ended.expired, ended.left, ended.stuck)
    context.add_output_metadata(asdict(ended) | {"reminded": reminded})


@dg.op
def reconcile_payments(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Ask the gateway about every payment that may still change, and write down what is new."""
    with attempt(context) as watch:
        done = reconcile(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=BY,
            progress=lambda asked: watch(asked, None),
        )  # fmt: skip
    context.log.info("%s asked, %s corrected, %s odd", done.asked, done.corrected, len(done.odd))
    context.add_output_metadata(
        {
            "asked": done.asked,
            "corrected": done.corrected,
            "agreed": done.agreed,
            "unused": done.unused,
            "odd": exhibits.table(["payment", "how"], done.odd, total=len(done.odd)),
        }
    )


@dg.op
def send_owed_refunds(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Ask the gateway for every refund that waits for it, and how those went that it lost."""
    with attempt(context):
        sent = send_refunds(
            application.database, application.get(Midtrans), at=datetime.now(UTC), by=BY
        )
    context.log.info("%s done, %s failed, %s waiting", sent.done, sent.failed, sent.waiting)
    context.add_output_metadata(asdict(sent))


@dg.job(executor_def=dg.in_process_executor)
def order_expiry() -> None:
    """Orders whose hour is up give their places back."""
    expire_unpaid_orders()


@dg.job(executor_def=dg.in_process_executor)
def payment_reconciliation() -> None:
    """What the gateway knows of payments and we do not yet, and refunds that wait for it."""
    reconcile_payments()
    send_owed_refunds()
