"""Daily assets: sales by event, and reconciliation with the gateway."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import dagster as dg

from ticket_assets import metadata
from ticket_assets.check_results import to_check_result
from ticket_assets.partitions import DAY_PARTITIONS, asset
from ticket_assets.payments import orders, payments
from ticket_assets.retries import run_attempt
from ticketing.platform.application import Application
from ticketing.platform.kernel.invariant import InvariantResult
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.platform.kernel.time_span import day_span
from ticketing.reporting import sales_queries
from ticketing.reporting.reconcile_day import reconcile_day
from ticketing.reporting.sales_queries import EventSales
from ticketing.selling.payments.midtrans.client import Midtrans

# the schedule runs at 01:15; other assets have no deadline, because they change with their events
NIGHTLY = dg.FreshnessPolicy.cron(
    deadline_cron="0 3 * * *", lower_bound_delta=timedelta(hours=2), timezone="Asia/Jakarta"
)


@asset(
    partitions_def=DAY_PARTITIONS,
    deps=[orders, payments],
    group_name="sales",
    code=["ticketing.reporting"],
    kinds={"postgres"},
    freshness_policy=NIGHTLY,
)
def daily_sales(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Sales of one day (Jakarta time) by event. As of the run: refunds may follow."""
    span = day_span(date.fromisoformat(context.partition_key))
    with run_attempt(context), application.database.transaction() as connection:
        sold = sales_queries.list_event_sales(connection, span)
        paid = sales_queries.list_paid_amounts(connection, span)
    context.log.info("%s: %s orders paid", context.partition_key, sum(one.paid for one in sold))
    return dg.MaterializeResult(
        metadata={**_sales_totals(sold), **_sales_charts(sold, paid, span.begins_at)}
    )


def _sales_totals(sold: Iterable[EventSales]) -> metadata.Metadata:
    sales = list(sold)
    return {
        **metadata.row_count(len(sales)),
        "orders placed": sum(one.placed for one in sales),
        "orders paid": sum(one.paid for one in sales),
        "cancelled since": sum(one.cancelled for one in sales),
        "places": sum(one.places for one in sales),
        "discount (Rp)": total(one.discount for one in sales).amount,
        "sold (Rp)": total(one.total for one in sales).amount,
        "refunded (Rp)": total(one.refunded for one in sales).amount,
    }


def _sales_charts(
    sold: list[EventSales], paid: Iterable[tuple[datetime, Rupiah]], midnight: datetime
) -> metadata.Metadata:
    """Return sales by event and the day's cumulative sum in thousands of rupiah by hour."""
    points, sum_so_far = [(0.0, 0.0)], 0
    for paid_at, amount in paid:
        sum_so_far += amount.amount
        points.append(((paid_at - midnight).total_seconds() / 3600, sum_so_far / 1000))
    return {
        "events": metadata.markdown_table(
            ["event", "paid", "places", "sold", "refunded"],
            [(one.event_slug, one.paid, one.places, one.total, one.refunded) for one in sold],
            total=len(sold),
        ),
        "cumulative sales": metadata.line_chart(points, label="thousand rupiah", unit="h"),
    }


@asset(
    partitions_def=DAY_PARTITIONS,
    deps=[payments],
    group_name="sales",
    code=["ticketing.reporting", "ticketing.selling.payments"],
    kinds={"postgres", "python"},
    freshness_policy=NIGHTLY,
    check_specs=[
        dg.AssetCheckSpec(
            "payments_match_gateway",
            asset="reconciliation",
            partitions_def=DAY_PARTITIONS,
            description="The gateway's records match our payments of the day.",
        )
    ],
)
def reconciliation(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """One day's payments compared one by one with the gateway's records. As of the run."""
    day = date.fromisoformat(context.partition_key)
    with run_attempt(context) as deadline:
        result = reconcile_day(
            application.database, application.get(Midtrans), day, progress=deadline,
            concurrency=application.settings.midtrans_concurrency,
        )  # fmt: skip
    context.log.info("%s: %s payments, %s differ", day, result.attempts, len(result.differences))
    found = InvariantResult.from_violations(result.attempts, result.differences)
    return dg.MaterializeResult(
        metadata={
            **metadata.row_count(result.attempts),
            "payments": result.attempts,
            "received (Rp)": result.taken.amount,
            "received per gateway (Rp)": result.taken_by_gateway.amount,
            "refunded (Rp)": result.returned.amount,
            "refunded per gateway (Rp)": result.returned_by_gateway.amount,
            "box office": metadata.markdown_table(
                ["means", "money"],
                [(means, sums.money) for means, sums in result.box_office.items()],
                total=len(result.box_office),
            ),
            "differences": metadata.markdown_table(
                ["payment", "difference"], result.differences, total=len(result.differences)
            ),
        },
        check_results=[to_check_result(found, "payments", "ticketing payments reconcile")],
    )
