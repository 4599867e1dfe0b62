"""Incidents for failed asset checks; an incident is closed when the check passes.

A failed check does not fail its run, so run sensors do not see it. This sensor reads the latest
result of every check per event, per day, or overall. It has no cursor, so it cannot skip a result.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import dagster as dg

from sensors.check_result_queries import CheckResult, list_latest_results
from sensors.outcomes import Outcome, report_outcomes
from sensors.running_sensor import running_sensor
from ticket_assets.deliveries import DELIVERY_CHECKS
from ticket_assets.sales import reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.ticket_checks import CHECKS
from ticket_assets.voucher_checks import OUTLET_CHECKS, ROUTER_CHECKS
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind

EVENT_CHECKS = {
    key for check in [*CHECKS, *DELIVERY_CHECKS, *OUTLET_CHECKS] for key in check.check_keys
}
DAY_CHECKS = set(reconciliation.check_keys)
GLOBAL_CHECKS = {key for check in [*SALES_CHECKS, *ROUTER_CHECKS] for key in check.check_keys}
CHECK_NAMES = {key.name for key in EVENT_CHECKS | DAY_CHECKS | GLOBAL_CHECKS}
CAUSE_PREFIX = "check:"


def check_cause(check: str, partition: str | None) -> str:
    """Return the incident's cause."""
    return f"{CAUSE_PREFIX}{check}:{partition or 'all events'}"


@running_sensor(area="operations", minimum_interval_seconds=30)
def check_failures(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Opens an incident for every failing check and event or day, and closes it when it passes."""
    with application.database.transaction() as connection:
        last_seen = incidents.get_last_seen(connection, CAUSE_PREFIX)
        results = list_latest_results(
            context.instance, CHECK_NAMES, also_passed={each.split(":")[1] for each in last_seen}
        )
        outcomes = list(new_outcomes(results, last_seen))
        report = report_outcomes(connection, outcomes)
    return dg.SkipReason(f"{len(results)} results: {report}")


def new_outcomes(
    results: Iterable[CheckResult], last_seen: Mapping[str, datetime]
) -> Iterator[Outcome]:
    """Yield failures that were not seen yet, and passed results of checks with an open incident."""
    for result in results:
        if (result.partition is None) != (result.check in GLOBAL_CHECKS):
            continue  # from a version in which the check was partitioned otherwise
        cause = check_cause(result.check.name, result.partition)
        seen_at = last_seen.get(cause)
        if (seen_at is None or seen_at < result.at) and (result.event or seen_at):
            yield Outcome(
                IncidentKind.CHECK,
                cause,
                result.partition if result.check in EVENT_CHECKS else None,
                result.run_id,
                result.at,
                result.failure(),
            )
