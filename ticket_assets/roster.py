"""The people entitled to a ticket."""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.attempts import attempt
from ticket_assets.owners import OWNERS
from ticket_assets.partitions import EVENTS, event_of
from ticket_assets.payments import payments
from ticket_assets.roster_source import Roster, take_in
from ticketing.actions.missing import gap
from ticketing.application import Application


@dg.asset(
    partitions_def=EVENTS,
    deps=[payments],
    group_name="roster",
    kinds={"csv", "postgres"},
    owners=OWNERS,
    code_version="1",
)
def attendees(
    context: dg.AssetExecutionContext, config: Roster, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """The people entitled to a ticket: buyers of paid places, and whom a roster names."""
    with attempt(context, config.limit_seconds) as watch:
        event = event_of(context, application)
        told = take_in(application, event, config, watch)
        standing = gap(application.database, event, at=datetime.now(UTC))
    context.log.info("event %s: %s people entitled", event.id, standing.entitled)
    return dg.MaterializeResult(metadata={"entitled": standing.entitled, **told})
