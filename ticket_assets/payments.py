"""Orders as buyers place them, and their payments."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from ticket_assets import exhibits
from ticket_assets.attempts import LIMIT_SECONDS, WHEN_TIME_IS_UP, attempt
from ticket_assets.batch import BY
from ticket_assets.owners import OWNERS
from ticket_assets.told import ENDS, tickets_told
from ticketing.actions.generate import Means
from ticketing.actions.serve_on import Rounds
from ticketing.actions.serve_paid import Service
from ticketing.application import Application
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.gateways.midtrans import Midtrans
from ticketing.signing.keys import KeyRing

orders = dg.AssetSpec(
    "orders",
    group_name="sales",
    kinds={"postgres"},
    owners=OWNERS,
    description="Orders as buyers place and pay them, this moment. Made by the web service.",
)


class Serving(dg.Config):
    """How to serve."""

    quiet_seconds: float = Field(
        default=0, ge=0, le=60, description="Go on until nothing came for so long."
    )
    limit_seconds: float = Field(default=LIMIT_SECONDS, gt=0, description=WHEN_TIME_IS_UP)


@dg.asset(
    deps=[orders],
    group_name="sales",
    kinds={"postgres", "python"},
    owners=OWNERS,
    code_version="1",
)
def payments(
    context: dg.AssetExecutionContext, config: Serving, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Settled payments, and the tickets of who has paid. By the worker at once, else by a run."""
    done = _Done()
    means = Means(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )
    with attempt(context, config.limit_seconds) as watch:

        def told(service: Service) -> None:
            done.add(service)
            watch(done.handled, None)

        try:
            serving = Rounds(means, application.get(Midtrans), lambda: datetime.now(UTC), BY, told)
            serving.serve_until_quiet(config.quiet_seconds, most_seconds=config.limit_seconds / 2)
        finally:  # out of time or not: what was made is made
            for event_slug, counts in done.made.items():
                for event in tickets_told(event_slug, counts, by=[BY]):
                    context.log_event(event)
    context.log.info("%s notices handled, %s tickets made", done.handled, done.tickets)
    return dg.MaterializeResult(metadata=done.metadata())


@dataclass
class _Done:
    """What came of all rounds of a run."""

    ends: Counter[str] = field(default_factory=Counter)
    made: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    troubles: dict[str, str] = field(default_factory=dict)

    def add(self, service: Service) -> None:
        self.ends.update(asdict(service.settlement))
        for served in service.served:
            if served.generation is None:
                self.troubles[served.event.slug] = served.trouble
            else:
                self.made[served.event.slug].update(served.counts)

    @property
    def handled(self) -> int:
        return self.ends["applied"] + self.ends["unchanged"] + self.ends["quarantined"]

    @property
    def tickets(self) -> int:
        return sum(counts["created"] + counts["renewed"] for counts in self.made.values())

    def metadata(self) -> exhibits.Metadata:
        return {
            **{end: self.ends[end] for end in ENDS},
            "settled by": BY,
            "tickets": exhibits.table(
                ["event", "created", "renewed", "failed"],
                [
                    (slug, counts["created"], counts["renewed"], counts["failed"])
                    for slug, counts in self.made.items()
                ],
                total=len(self.made),
            ),
            "troubles": exhibits.table(
                ["event", "why"], self.troubles.items(), total=len(self.troubles)
            ),
        }
