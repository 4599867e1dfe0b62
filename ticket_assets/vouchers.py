"""The assets of hotspot vouchers and of their delivery attempts."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.partitions import asset
from ticket_assets.payments import payments
from ticket_assets.retries import run_attempt
from ticketing.monitoring import dashboard_queries, failure_queries
from ticketing.monitoring.health import collect_gauges
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER
from ticketing.monitoring.schemas import FailedPurchaseResponse
from ticketing.monitoring.service import list_failed_purchases
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.vouchers import vouchers as vouchers_table
from ticketing.platform.kernel.time_span import TimeSpan
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.model import PurchaseState, VoucherState
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.retry_policy import ROUTER_RETRIES
from ticketing.vouchers.provisioning.router_clients import RouterConnector

ROUTER_POOL = "router"  # pool of runs that access routers; the instance sets its limit
ATTEMPT_WINDOW = timedelta(days=7)


@asset(
    deps=[payments],
    group_name="hotspot",
    kinds={"postgres", "python"},
    pool=ROUTER_POOL,
    metadata=metadata.table_metadata(vouchers_table),
)
def vouchers(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Paid vouchers on their routers. Updated by the worker in seconds, or by a run."""
    with run_attempt(context), application.get(RouterConnector).connect() as clients:
        provisioning = ProvisioningContext(
            application.database, clients, lambda: datetime.now(UTC), ACTOR
        )
        rounds = provision_all(provisioning)
    placed, removed = sum(one.placed for one in rounds), sum(one.removed for one in rounds)
    context.log.info("%s vouchers provisioned, %s removed", placed, removed)
    return dg.MaterializeResult(
        metadata={
            "placed": placed,
            "removed": removed,
            "refused": sum(one.refused for one in rounds),
            "orders completed": sum(one.completed_orders for one in rounds),
            "provisioned by": ACTOR,
            **metadata.page_link(application.settings.web_public_url, "/voucher"),
            "errors": metadata.markdown_table(
                ["router", "error"],
                [(one.router, one.trouble) for one in rounds if one.trouble],
                total=sum(bool(one.trouble) for one in rounds),
            ),
            **_current_metadata(application.database, at=datetime.now(UTC)),
        }
    )


def _current_metadata(database: Database, *, at: datetime) -> metadata.Metadata:
    """Return the current state, independent of this run."""
    now = collect_gauges(database, at=at)
    failed = list_failed_purchases(database, None, limit=metadata.MAX_ROWS, offset=0)
    with database.transaction() as connection:
        known = router_queries.list_all(connection)
        on_routers = dashboard_queries.count_vouchers_by_router(connection, None)
    waited = (at - now.oldest_waiting_since).total_seconds() if now.oldest_waiting_since else 0.0
    return {
        **{f"vouchers {state}": number for state, number in now.vouchers.items()},
        **{f"purchases {state}": number for state, number in now.purchases.items()},
        "longest wait (s)": round(waited, 1),
        "routers": metadata.markdown_table(
            ["router", "reachable", *VoucherState],
            [
                (one.name, _router_status(one), *(on_routers[one.id, s] for s in VoucherState))
                for one in known
            ],
            total=len(known),
        ),
        "failures": metadata.markdown_table(
            ["purchase", "problem", "repair"],
            _failure_rows(failed.purchases),
            total=failed.total_count,
        ),
    }


def _router_status(router: StoredRouter) -> str:
    if not router.failing_since:
        return "yes"
    since = f"since {format_clock(router.failing_since)}: {router.last_error}"
    return (
        f"no, retries exhausted {since}"
        if ROUTER_RETRIES.is_exhausted(router.failure_count)
        else f"no, {since}"
    )


def _failure_rows(purchases: Iterable[FailedPurchaseResponse]) -> Iterator[tuple[str, str, str]]:
    for one in purchases:
        if one.status is PurchaseState.VOUCHER_GENERATION_FAILED:
            error = one.vouchers[0].error_message if one.vouchers else ""
            problem = f"{one.provisioned} of {one.quantity} vouchers: {error}"
            yield one.code, problem, f"ticketing vouchers regenerate {one.code}"
        else:
            problem = f"delivery of the codes: {one.delivery}"
            yield one.code, problem, f"ticketing deliveries list --event {one.event_id} --failed"


@asset(deps=[vouchers], group_name="hotspot", kinds={"postgres"})
def voucher_delivery_logs(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Delivery attempts of voucher codes in the last seven days. As of the run."""
    at = datetime.now(UTC)
    since = at - ATTEMPT_WINDOW
    with run_attempt(context), application.database.transaction() as connection:
        counts = failure_queries.count_attempts_by_state(connection, since=since)
        failures = failure_queries.list_failed_attempts(
            connection, since=since, limit=metadata.MAX_ROWS
        )
        rates = dashboard_queries.get_fulfilment_stats(
            connection, None, TimeSpan(since, at), due_before=at - VOUCHER_LOST_AFTER
        )
    failed = sum(
        number for _, state, number in counts if state in failure_queries.FAILED_DELIVERY_STATES
    )
    return dg.MaterializeResult(
        metadata={
            **metadata.row_count(sum(number for _, _, number in counts)),
            "attempts": sum(number for _, _, number in counts),
            "failed": failed,
            "purchases ready": rates.ready_purchases,
            "delivery rate": _format_rate(rates.delivery_rate),
            "loss rate": _format_rate(rates.voucher_loss_rate),
            "by channel": metadata.markdown_table(
                ["channel", "state", "attempts"], counts, total=len(counts)
            ),
            "failures": metadata.markdown_table(
                ["purchase", "channel", "state", "reason", "at"],
                [(*one, format_clock(at)) for *one, at in failures],
                total=failed,
            ),
        }
    )


def _format_rate(rate: float | None) -> float | str:
    return "none due" if rate is None else rate
