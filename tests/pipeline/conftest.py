"""Fixtures: an application on the test database, guests, and the code location."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, text

from simulators.routeros.server import RouterOsSimulator
from tests.plugins.databases import Snapshot
from ticket_assets.definitions import build_definitions
from ticketing.app.container import open_application
from ticketing.app.dagster_home import ensure_dagster_database, prepare_dagster_home
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.settings import Settings
from ticketing.vouchers.demo_data import DEMO_PROFILES, seed_demo_hotspot, seed_demo_router

NAMES = ("Ayu Lestari", "Budi Santoso", "ꦱꦸꦫꦠ꧀ Suryo", "محمد هارون", "Nguyễn Thị Hồng")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Return settings with a data folder of the test and a master secret."""
    return Settings(
        _env_file=None,
        data_path=tmp_path,
        database_url=SecretStr(database_url),
        master_secret=SecretStr("5e" * 32),
    )


@pytest.fixture
def application(settings: Settings) -> Iterator[Application]:
    """Open the application."""
    with open_application(settings) as opened:
        yield opened


@pytest.fixture
def roster(database: Database, event: Event) -> Event:
    """Add five graduates without tickets to the event."""
    with database.transaction() as connection:
        kind = connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Wisudawan")
            .returning(ticket_types.c.id)
        ).scalar_one()
        for number, name in enumerate(NAMES):
            person = connection.execute(
                insert(guests)
                .values(
                    event_id=event.id,
                    natural_key=f"id:2026{number}",
                    external_id=f"2026{number}",
                    full_name=name,
                    first_name=name.split(" ", 1)[0],
                    last_name=name.split(" ", 1)[1],
                    email=f"person{number}@example.org",
                )
                .returning(guests.c.id)
            ).scalar_one()
            connection.execute(
                insert(entitlements).values(
                    event_id=event.id, guest_id=person, ticket_type_id=kind, seat=f"A-{number}"
                )
            )
    return event


@pytest.fixture
def router() -> Iterator[RouterOsSimulator]:
    """Start a router with the profiles of the demo packages."""
    with RouterOsSimulator() as device:
        for profile in DEMO_PROFILES:
            device.add_profile(profile, shared_users="1")
        yield device


@pytest.fixture
def outlet(application: Application, router: RouterOsSimulator) -> Event:
    """Create the outlet that sells the router's vouchers."""
    seed_demo_router(application.database, application.get(KeyRing), port=router.port, by="test")
    return seed_demo_hotspot(application.database, at=datetime.now(UTC), by="test")


@pytest.fixture
def location(application: Application) -> dg.Definitions:
    """Return the code location with the test's application."""
    return build_definitions({"application": dg.ResourceDefinition.hardcoded_resource(application)})


@pytest.fixture
def instance(roster: Event) -> Iterator[dg.DagsterInstance]:
    """Create an in-memory Dagster instance with the event's partition."""
    with dg.DagsterInstance.ephemeral() as fresh:
        fresh.add_dynamic_partitions("event", [roster.slug])
        yield fresh


@pytest.fixture(scope="session")
def idle_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """Create a Dagster instance on disk without runs; schedules reopen it."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("idle"))) as kept:
        yield kept


@dataclass(frozen=True, slots=True)
class IssuedState:
    """The rows and the documents that a run of the whole graph leaves."""

    rows: Snapshot
    documents: Path


@pytest.fixture(scope="session")
def issued_states() -> list[IssuedState]:
    """Return where the first test that needs it leaves the state for the others."""
    return []


@pytest.fixture
def issued(
    request: pytest.FixtureRequest,
    application: Application,
    roster: Event,
    issued_states: list[IssuedState],
    tmp_path_factory: pytest.TempPathFactory,
) -> Event:
    """Issue five tickets, five PDFs and a report; the graph runs once per worker."""
    documents = application.settings.documents
    url = application.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        if not issued_states:
            request.getfixturevalue("issued_by_run")
            copy = tmp_path_factory.mktemp("issued") / "documents"
            shutil.copytree(documents, copy)
            issued_states.append(IssuedState(Snapshot.take(connection), copy))
            return roster
        state = issued_states[0]
        state.rows.restore(connection)
    shutil.copytree(state.documents, documents)
    return roster


@pytest.fixture
def issued_by_run(location: dg.Definitions, instance: dg.DagsterInstance, roster: Event) -> Event:
    """Run the whole graph once in the test's instance: five tickets, five PDFs, a report."""
    job = location.resolve_job_def("issue_event_tickets")
    job.execute_in_process(instance=instance, partition_key=roster.slug)
    return roster


@pytest.fixture
def check_results(
    location: dg.Definitions, instance: dg.DagsterInstance, issued: Event
) -> Callable[[], dict[str, dg.AssetCheckEvaluation]]:
    """Return a function that runs every check of the issued event and returns results by name."""

    def examine() -> dict[str, dg.AssetCheckEvaluation]:
        result = location.resolve_job_def("check_event").execute_in_process(
            instance=instance, partition_key=issued.slug, raise_on_error=False
        )
        return {check.check_name: check for check in result.get_asset_check_evaluations()}

    return examine


@pytest.fixture
def process_environment(application: Application) -> Iterator[dict[str, str]]:
    """Return the environment of Dagster processes, with storage on the same server."""
    ensure_dagster_database(application)
    yield prepare_dagster_home(application) | {"TICKETING_MASTER_SECRET": "5e" * 32}
    name = application.dagster_url.database
    admin = application.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def persistent_instance(
    process_environment: dict[str, str], roster: Event
) -> Iterator[dg.DagsterInstance]:
    """Create a Dagster instance in that environment with the event's partition."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in process_environment.items():
            environment.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            instance.add_dynamic_partitions("event", [roster.slug])
            yield instance
