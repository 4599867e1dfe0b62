"""The assets of an outlet's hotspot vouchers and of their delivery attempts, one partition each.

An outlet is an event that sells packages. For other events both end at once, without a call to a
router. What buyers wait for is provisioned by a job without a partition, for all routers, because
the run queue has fewer slots for runs of events.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from ticket_assets import metadata
from ticket_assets.partitions import event_asset, partition_event
from ticket_assets.payments import payments
from ticket_assets.retries import run_attempt
from ticket_assets.run_queue import BUYER_WAITS, area
from ticketing.events.model import Event
from ticketing.monitoring import dashboard_queries, failure_queries
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER
from ticketing.monitoring.schemas import FailedPurchaseResponse
from ticketing.monitoring.service import list_failed_purchases
from ticketing.platform.application import Application
from ticketing.platform.db.tables.vouchers import vouchers as vouchers_table
from ticketing.platform.kernel.time_span import TimeSpan
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import outlet_queries
from ticketing.vouchers.model import PurchaseState, VoucherState
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.retry_policy import ROUTER_RETRIES
from ticketing.vouchers.provisioning.router_clients import RouterConnector

ROUTER_POOL = "router"  # pool of runs that access routers; the instance sets its limit
ATTEMPT_WINDOW = timedelta(days=7)
# `overdue_vouchers` reports what this actor did to each outlet, as what the worker did
JOB_ACTOR = "dagster job"
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
NO_OUTLET: metadata.Metadata = {**metadata.row_count(0), "outlet": "no: sells no packages"}


def provision(application: Application, *, by: str) -> list[ProvisionResult]:
    """Provision all due vouchers of all routers; return the result of each router."""
    with application.get(RouterConnector).connect() as clients:
        context = ProvisioningContext(application.database, clients, lambda: datetime.now(UTC), by)
        return provision_all(context)


@dg.op(pool=ROUTER_POOL)
def provision_all_vouchers(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Create the paid vouchers of all outlets on their routers, and remove ended ones."""
    with run_attempt(context):
        rounds = provision(application, by=JOB_ACTOR)
    context.add_output_metadata(_round_metadata(rounds))


@dg.job(tags={**BUYER_WAITS, **area("hotspot")})
def provision_vouchers() -> None:
    """Provisions paid vouchers of all outlets and removes ended ones. Safe to run again."""
    provision_all_vouchers()


def _round_metadata(rounds: Sequence[ProvisionResult]) -> metadata.Metadata:
    return {
        "placed": sum(one.placed for one in rounds),
        "removed": sum(one.removed for one in rounds),
        "refused": sum(one.refused for one in rounds),
        "orders completed": sum(one.completed_orders for one in rounds),
        "errors": metadata.markdown_table(
            ["router", "error"],
            [(one.router, one.trouble) for one in rounds if one.trouble],
            total=sum(bool(one.trouble) for one in rounds),
        ),
    }


@event_asset(
    deps=[payments],
    group_name="hotspot",
    code=["ticketing.vouchers", "ticketing.routers"],
    kinds={"postgres", "python"},
    pool=ROUTER_POOL,
    metadata=metadata.table_metadata(vouchers_table),
)
def vouchers(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Paid vouchers of an outlet on their routers. By the worker within seconds, or by a run."""
    with run_attempt(context):
        event = partition_event(context, application)
        if not application.database.run(outlet_queries.is_outlet, event.id):
            return dg.MaterializeResult(metadata=NO_OUTLET)
        rounds = provision(application, by=JOB_ACTOR)
        current = _current_metadata(application, event, at=datetime.now(UTC))
    context.log.info("%s vouchers provisioned", sum(one.placed for one in rounds))
    link = metadata.page_link(application.settings.web_public_url, "/voucher")
    return dg.MaterializeResult(metadata={**current, **link})


def _current_metadata(application: Application, event: Event, *, at: datetime) -> metadata.Metadata:
    """Return the outlet's current state, independent of this run."""
    database = application.database
    failed = list_failed_purchases(database, event.id, limit=metadata.MAX_ROWS, offset=0)
    with database.transaction() as connection:
        known = {each.id: each for each in router_queries.list_all(connection)}
        on_routers = dashboard_queries.count_vouchers_by_router(connection, event.id)
        span = TimeSpan(EARLIEST, at)
        purchases = dashboard_queries.list_purchase_totals(connection, event.id, span)
        waiting = dashboard_queries.count_waiting_for_routers(connection, event.id)
    waited = (at - waiting.oldest_at).total_seconds() if waiting.oldest_at else 0.0
    used = sorted({router for router, _ in on_routers})
    totals = {s: sum(on_routers[router, s] for router in used) for s in VoucherState}
    return {
        **metadata.row_count(sum(totals.values())),
        **{f"vouchers {state}": number for state, number in totals.items()},
        **{f"purchases {state}": one.purchases for state, one in purchases.items()},
        "longest wait (s)": round(waited, 1),
        "routers": metadata.markdown_table(
            ["router", "reachable", *VoucherState],
            [
                (*_router_cells(known.get(id_)), *(on_routers[id_, s] for s in VoucherState))
                for id_ in used
            ],
            total=len(used),
        ),
        "failures": metadata.markdown_table(
            ["purchase", "problem", "repair"],
            _failure_rows(failed.purchases),
            total=failed.total_count,
        ),
    }


def _router_cells(router: StoredRouter | None) -> tuple[str, str]:
    """Return name and availability of a router; a deleted one has neither."""
    return (router.name, _router_status(router)) if router else ("deleted", "")


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


@event_asset(
    deps=[vouchers], group_name="hotspot", code=["ticketing.monitoring"], kinds={"postgres"}
)
def voucher_delivery_logs(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Delivery attempts of an outlet's codes in the last seven days. As of the run."""
    at = datetime.now(UTC)
    with run_attempt(context):
        event = partition_event(context, application)
        if not application.database.run(outlet_queries.is_outlet, event.id):
            return dg.MaterializeResult(metadata=NO_OUTLET)
        return dg.MaterializeResult(metadata=_delivery_metadata(application, event, at=at))


def _delivery_metadata(
    application: Application, event: Event, *, at: datetime
) -> metadata.Metadata:
    since = at - ATTEMPT_WINDOW
    with application.database.transaction() as connection:
        counts = failure_queries.count_attempts_by_state(connection, event.id, since=since)
        failures = failure_queries.list_failed_attempts(
            connection, event.id, since=since, limit=metadata.MAX_ROWS
        )
        rates = dashboard_queries.get_fulfilment_stats(
            connection, event.id, TimeSpan(since, at), due_before=at - VOUCHER_LOST_AFTER
        )
    failed = sum(
        number for _, state, number in counts if state in failure_queries.FAILED_DELIVERY_STATES
    )
    return {
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


def _format_rate(rate: float | None) -> float | str:
    return "none due" if rate is None else rate
