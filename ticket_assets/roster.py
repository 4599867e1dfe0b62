"""The asset of entitlements."""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets import metadata
from ticket_assets.partitions import event_asset, partition_event
from ticket_assets.payments import payments
from ticket_assets.retries import run_attempt
from ticket_assets.roster_source import RosterConfig, import_configured_roster
from ticketing.platform.application import Application
from ticketing.platform.db.tables.roster import entitlements as entitlements_table
from ticketing.tickets.missing import count_eligibility


@event_asset(
    deps=[payments],
    group_name="roster",
    code=["ticketing.roster", "ticketing.tickets.eligibility_queries"],
    kinds={"csv", "postgres"},
    metadata=metadata.table_metadata(entitlements_table),
)
def entitlements(
    context: dg.AssetExecutionContext,
    config: RosterConfig,
    application: dg.ResourceParam[Application],
) -> dg.MaterializeResult:
    """Entitlements to tickets, from paid orders and rosters. As of the run."""
    with run_attempt(context, config.limit_seconds) as deadline:
        event = partition_event(context, application)
        imported = import_configured_roster(application, event, config, deadline)
        counts = count_eligibility(application.database, event, at=datetime.now(UTC))
    context.log.info("event %s: %s guests entitled", event.id, counts.entitled)
    return dg.MaterializeResult(
        metadata={"entitled": counts.entitled, **metadata.row_count(counts.entitled), **imported}
    )
