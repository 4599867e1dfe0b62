"""The asset of payment matches: which guests of an event have settled what its rule requires."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.check_results import to_check_result
from ticket_assets.partitions import EVENT_PARTITIONS, event_asset, partition_event
from ticket_assets.payment_records import payment_records, require_connector
from ticket_assets.retries import run_attempt
from ticket_assets.roster import entitlements
from ticketing.billing.eligibility import match_payments, match_queries
from ticketing.billing.eligibility.match_payments import PaymentMatch
from ticketing.platform.application import Application
from ticketing.platform.kernel.invariant import InvariantResult, Violation

REPAIR = "ticketing tickets revoke CODE --reason …, or nothing: none is revoked by itself"


@event_asset(
    deps=[entitlements, payment_records],
    group_name="tickets",
    code=["ticketing.billing.eligibility"],
    kinds={"postgres"},
)
def payment_matches(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Guests of rosters whose payments fulfil the event's rule, and what the others owe.

    Events without a rule hold nobody. The billing system is not asked: `payment_records` is.
    """
    with run_attempt(context):
        event = partition_event(context, application)
        if not match_payments.has_rule(event):
            return dg.MaterializeResult(
                metadata={**metadata.row_count(0), "rule": event.payment_rule}
            )
        match = match_payments.match_payments(
            application.database, event, require_connector(application).name,
            max_age=timedelta(days=application.settings.billing_max_age_days), by=ACTOR,
            at=datetime.now(UTC),
        )  # fmt: skip
    context.log.info("%s settled, %s cleared, %s held", match.settled, match.cleared, match.held)
    return dg.MaterializeResult(metadata=_metadata(match))


def _metadata(match: PaymentMatch) -> metadata.Metadata:
    held = {reason: count for reason, count in match.reasons.items() if reason}
    return {
        **metadata.row_count(match.settled + sum(held.values())),
        "rule": match.rule,
        "settled": match.settled,
        "on hold": sum(held.values()),
        "cleared": match.cleared,
        "newly held": match.held,
        "held with a ticket": match.with_ticket,
        "reasons": metadata.markdown_table(["reason", "guests"], held.items(), total=len(held)),
    }


@dg.asset_check(asset=payment_matches, partitions_def=EVENT_PARTITIONS)
def ticket_holders_have_settled(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No guest with a live ticket owes what the event's rule requires. None is revoked for it."""
    event = partition_event(context, application)
    with application.database.transaction() as connection:
        first, total = match_queries.list_held_with_ticket(connection, event.id)
        guests = sum(match_queries.count_holds(connection, event.id).values())
    violations = [Violation(f"{one.ticket_code} {one.full_name}", one.reason) for one in first]
    found = InvariantResult(guests, guests, total, violations)
    return to_check_result(found, "guests", REPAIR, severity=dg.AssetCheckSeverity.WARN)
