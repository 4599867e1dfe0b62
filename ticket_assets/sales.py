"""Sales day by day, as a person files them: what was sold, and that the gateway says the same."""

from collections.abc import Iterable
from datetime import date, datetime

import dagster as dg

from ticket_assets import exhibits
from ticket_assets.attempts import attempt
from ticket_assets.owners import OWNERS
from ticket_assets.partitions import DAYS
from ticket_assets.payments import orders, payments
from ticket_assets.verdicts import verdict
from ticketing.actions.examine import Findings
from ticketing.actions.reconcile_day import DaysBooks, reconcile_day, span_of
from ticketing.application import Application
from ticketing.domain.money import Rupiah, total
from ticketing.gateways.midtrans import Midtrans
from ticketing.store import sales_reports
from ticketing.store.sales_reports import Sales


@dg.asset(
    partitions_def=DAYS,
    deps=[orders, payments],
    group_name="sales",
    kinds={"postgres"},
    owners=OWNERS,
    code_version="1",
)
def daily_sales(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """What was sold on a day in Jakarta, event by event. As of its run: refunds come later."""
    span = span_of(date.fromisoformat(context.partition_key))
    with attempt(context), application.database.transaction() as connection:
        sold = sales_reports.sales(connection, span)
        paid = sales_reports.paid_amounts(connection, span)
    context.log.info("%s: %s orders paid", context.partition_key, sum(one.paid for one in sold))
    return dg.MaterializeResult(metadata={**_sums(sold), **_pictures(sold, paid, span.begins_at)})


def _sums(sold: Iterable[Sales]) -> exhibits.Metadata:
    sales = list(sold)
    return {
        "orders placed": sum(one.placed for one in sales),
        "orders paid": sum(one.paid for one in sales),
        "undone since": sum(one.undone for one in sales),
        "places": sum(one.places for one in sales),
        "discount (Rp)": total(one.discount for one in sales).amount,
        "sold (Rp)": total(one.total for one in sales).amount,
        "refunded (Rp)": total(one.refunded for one in sales).amount,
    }


def _pictures(
    sold: list[Sales], paid: Iterable[tuple[datetime, Rupiah]], midnight: datetime
) -> exhibits.Metadata:
    """Who sold what, and how the day's sum grew, in thousands of rupiah by the hour."""
    points, sum_so_far = [(0.0, 0.0)], 0
    for paid_at, amount in paid:
        sum_so_far += amount.amount
        points.append(((paid_at - midnight).total_seconds() / 3600, sum_so_far / 1000))
    return {
        "events": exhibits.table(
            ["event", "paid", "places", "sold", "refunded"],
            [(one.event_slug, one.paid, one.places, one.total, one.refunded) for one in sold],
            total=len(sold),
        ),
        "through the day": exhibits.curve(points, about="thousand rupiah", unit="h"),
    }


@dg.asset(
    partitions_def=DAYS,
    deps=[payments],
    group_name="sales",
    kinds={"postgres", "python"},
    owners=OWNERS,
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            "the_gateway_agrees",
            asset="reconciliation",
            partitions_def=DAYS,
            description="The gateway says of each payment of the day what our books say.",
        )
    ],
)
def reconciliation(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """A day's payments in our books against the gateway's, one by one. As of its run."""
    day = date.fromisoformat(context.partition_key)
    with attempt(context) as watch:
        books = reconcile_day(application.database, application.get(Midtrans), day, progress=watch)
    context.log.info("%s: %s payments, %s differ", day, books.attempts, len(books.differing))
    found = Findings.of(books.attempts, books.differing)
    return dg.MaterializeResult(
        metadata=_books(books),
        check_results=[verdict(found, "payments", "ticketing reconcile")],
    )


def _books(books: DaysBooks) -> exhibits.Metadata:
    return {
        "payments": books.attempts,
        "taken (Rp)": books.taken.amount,
        "taken, says the gateway (Rp)": books.taken_by_gateway.amount,
        "returned (Rp)": books.returned.amount,
        "returned, says the gateway (Rp)": books.returned_by_gateway.amount,
        "differing": exhibits.table(
            ["payment", "how"], books.differing, total=len(books.differing)
        ),
    }
