"""Fixtures: an outlet with a simulated router, paid orders, and a Dagster instance."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import dagster as dg
import pytest

from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Order, Selection
from ticketing.platform.application import Application
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments.complete_order import complete_order
from ticketing.vouchers import package_queries
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.router_clients import RouterConnector


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Configure an unreachable WhatsApp gateway."""
    away = {"whatsapp": "simulator", "whatsapp_simulator_url": "http://127.0.0.1:9"}
    return settings.model_copy(update=away)


@pytest.fixture
def buy(application: Application, outlet: Event) -> Callable[..., Order]:
    """Return a function that creates a paid voucher order some time ago."""
    numbers = count(1)

    def buy_some(quantity: int = 1, *, ago: timedelta = timedelta(0)) -> Order:
        phone = f"+62812{next(numbers):08}"
        at = datetime.now(UTC) - ago
        with application.database.transaction() as connection:
            package = package_queries.get_by_code(connection, "5k")
        placed = place_order(
            application.database, outlet, requested=[Selection(package.ticket_type_id, quantity)],
            buyer=Buyer(f"tel:{phone}", "Sari", "", phone), at=at, by="web",
        )  # fmt: skip
        with application.database.transaction() as connection:
            order = order_queries.lock(connection, placed.order.id)
            complete_order(connection, order, attempt_id=None, at=at, by="gateway")
            return order_queries.lock(connection, order.id)

    return buy_some


@pytest.fixture
def provision(application: Application) -> Callable[..., None]:
    """Return a function that provisions all routers as a worker does, some time ago."""

    def provision_as_worker(*, ago: timedelta = timedelta(0)) -> None:
        with application.get(RouterConnector).connect() as pool:
            provision_all(
                ProvisioningContext(
                    application.database, pool, lambda: datetime.now(UTC) - ago, "worker"
                )
            )

    return provision_as_worker


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Create a Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as fresh:
        yield fresh


@pytest.fixture
def run(
    location: dg.Definitions, instance: dg.DagsterInstance
) -> Callable[..., dg.ExecuteInProcessResult]:
    """Return a function that runs a job, for an event or for none."""

    def run_job(name: str, event: str | None = None, *assets: str) -> dg.ExecuteInProcessResult:
        instance.add_dynamic_partitions("event", [event] if event else [])
        return location.resolve_job_def(name).execute_in_process(
            instance=instance,
            partition_key=event,
            asset_selection=[dg.AssetKey(each) for each in assets] or None,
        )

    return run_job
