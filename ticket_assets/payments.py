"""The assets of orders and payments."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import metadata as ticket_asset_metadata
from ticket_assets.batch import ACTOR
from ticket_assets.code_versions import source_version
from ticket_assets.external_materializations import SETTLEMENT_OUTCOMES, ticket_materializations
from ticket_assets.partitions import OWNERS, asset
from ticket_assets.retries import TIME_LIMIT_DESCRIPTION, TIME_LIMIT_SECONDS, run_attempt
from ticket_assets.run_queue import area
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.platform.application import Application
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.fulfil_paid import FulfilmentLoop, FulfilmentResult
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.tickets.generate import GenerationContext

orders = dg.AssetSpec(
    "orders",
    group_name="sales",
    kinds={"postgres"},
    owners=OWNERS,
    tags=area("sales"),
    code_version=source_version("ticketing.selling.checkout", "ticketing.orders"),
    metadata=ticket_asset_metadata.table_metadata(orders_table),
    description="Orders of buyers. Written by the web service; always current.",
)


class FulfilmentConfig(dg.Config):
    """Options of a fulfilment run."""

    quiet_seconds: float = Field(
        default=0, ge=0, le=60, description="Continue until no payment arrives for this time."
    )
    limit_seconds: float = Field(
        default=TIME_LIMIT_SECONDS, gt=0, description=TIME_LIMIT_DESCRIPTION
    )


@asset(
    deps=[orders],
    group_name="sales",
    code=["ticketing.selling.payments", "ticketing.tickets.issuing"],
    kinds={"postgres", "python"},
    metadata=ticket_asset_metadata.table_metadata(payment_attempts),
)
def payments(
    context: dg.AssetExecutionContext,
    config: FulfilmentConfig,
    application: dg.ResourceParam[Application],
) -> dg.MaterializeResult:
    """Settled payments and tickets of paid orders. Updated by the worker in seconds or a run."""
    totals = _RunTotals()
    generation = GenerationContext(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )
    with run_attempt(context, config.limit_seconds) as deadline:

        def report(result: FulfilmentResult) -> None:
            totals.add(result)
            deadline(totals.handled_count, None)

        try:
            loop = FulfilmentLoop(
                generation, application.get(Midtrans), lambda: datetime.now(UTC), ACTOR, report,
                application.settings.midtrans_concurrency,
            )  # fmt: skip
            loop.run_until_idle(config.quiet_seconds, max_seconds=config.limit_seconds / 2)
        finally:  # also after a time-out: report completed work
            for event_slug, counts in totals.ticket_counts.items():
                for event in ticket_materializations(event_slug, counts, by=ACTOR):
                    context.log_event(event)
    context.log.info(
        "%s notifications handled, %s tickets issued", totals.handled_count, totals.ticket_count
    )
    attempts = application.database.run(attempt_queries.count_all)
    return dg.MaterializeResult(
        metadata={**ticket_asset_metadata.row_count(attempts), **totals.metadata()}
    )


@dataclass
class _RunTotals:
    """Totals of all iterations of a run."""

    settlement_counts: Counter[str] = field(default_factory=Counter)
    ticket_counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    errors: dict[str, str] = field(default_factory=dict)

    def add(self, result: FulfilmentResult) -> None:
        self.settlement_counts.update(asdict(result.settlement))
        for served in result.event_fulfilments:
            if served.generation is None:
                self.errors[served.event.slug] = served.error
            else:
                self.ticket_counts[served.event.slug].update(served.counts)

    @property
    def handled_count(self) -> int:
        return (
            self.settlement_counts["applied"]
            + self.settlement_counts["unchanged"]
            + self.settlement_counts["quarantined"]
        )

    @property
    def ticket_count(self) -> int:
        return sum(counts["created"] + counts["renewed"] for counts in self.ticket_counts.values())

    def metadata(self) -> ticket_asset_metadata.Metadata:
        return {
            **{outcome: self.settlement_counts[outcome] for outcome in SETTLEMENT_OUTCOMES},
            "settled by": ACTOR,
            "tickets": ticket_asset_metadata.markdown_table(
                ["event", "created", "rendered again", "failed"],
                [
                    (slug, counts["created"], counts["renewed"], counts["failed"])
                    for slug, counts in self.ticket_counts.items()
                ],
                total=len(self.ticket_counts),
            ),
            "errors": ticket_asset_metadata.markdown_table(
                ["event", "error"], self.errors.items(), total=len(self.errors)
            ),
        }
