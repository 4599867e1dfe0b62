"""An outlet on a simulated router, buyers who have paid, and the Dagster that stands in."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import dagster as dg
import pytest

from ticketing.actions.complete_order import complete
from ticketing.actions.place_order import place_order
from ticketing.actions.provision import provision
from ticketing.actions.provisioning import Provisioner
from ticketing.domain.events import Event
from ticketing.domain.orders import Buyer, Order, Selection
from ticketing.office import Office
from ticketing.settings import Settings
from ticketing.store import orders, packages


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The test's box office; whoever carries its WhatsApp messages cannot be reached."""
    away = {"whatsapp": "rehearsal", "whatsapp_rehearsal_url": "http://127.0.0.1:9"}
    return settings.model_copy(update=away)


@pytest.fixture
def buy(office: Office, outlet: Event) -> Callable[..., Order]:
    """Somebody has paid for so many vouchers, so long ago."""
    numbers = count(1)

    def buy_some(quantity: int = 1, *, ago: timedelta = timedelta(0)) -> Order:
        phone = f"+62812{next(numbers):08}"
        at = datetime.now(UTC) - ago
        with office.database.transaction() as connection:
            package = packages.get(connection, "5k")
        placed = place_order(
            office.database, outlet, asked=[Selection(package.ticket_type_id, quantity)],
            buyer=Buyer(f"tel:{phone}", "Sari", "", phone), at=at, by="web",
        )  # fmt: skip
        with office.database.transaction() as connection:
            order = orders.lock(connection, placed.order.id)
            complete(connection, order, attempt_id=None, at=at, by="gateway")
            return orders.lock(connection, order.id)

    return buy_some


@pytest.fixture
def work(office: Office) -> Callable[..., None]:
    """A worker's round at all routers, so long ago."""

    def round_of_the_worker(*, ago: timedelta = timedelta(0)) -> None:
        with office.router_doors() as doors:
            provision(
                Provisioner(office.database, doors, lambda: datetime.now(UTC) - ago, "worker")
            )

    return round_of_the_worker


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster of the test's own, in memory."""
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh


@pytest.fixture
def run(
    location: dg.Definitions, instance: dg.DagsterInstance
) -> Callable[[str], dg.ExecuteInProcessResult]:
    """Runs a job."""
    return lambda name: location.resolve_job_def(name).execute_in_process(instance=instance)
