"""What hotspot vouchers ask for by the clock. Nobody but the clock does it: all of it runs."""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from ticket_assets.jobs import examine_vouchers
from ticket_assets.voucher_upkeep import voucher_upkeep
from ticketing.application import Application
from ticketing.store import routers

JAKARTA = "Asia/Jakarta"
NO_ROUTER = dg.SkipReason("no router is known: `ticketing router add`")


@dg.schedule(
    job=voucher_upkeep,
    cron_schedule="*/5 * * * *",
    execution_timezone=JAKARTA,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def voucher_upkeep_often(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every five minutes, where vouchers are sold: who uses one since when, and what is over."""
    yield _request(context) if _has_routers(application) else NO_ROUTER


@dg.schedule(
    job=examine_vouchers,
    cron_schedule="35 * * * *",
    execution_timezone=JAKARTA,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def vouchers_examined_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour, where vouchers are sold: all checks, each router against our books among them."""
    yield _request(context) if _has_routers(application) else NO_ROUTER


def _has_routers(application: Application) -> bool:
    with application.database.transaction() as connection:
        return bool(routers.everyone(connection))


def _request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    at = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
