"""The source of payment records that the settings name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ticketing.billing.differences.trend_queries import close_statement
from ticketing.billing.eligibility.match_payments import match_all_events
from ticketing.billing.sources.contract import BillingSource
from ticketing.billing.sources.open_source import open_source
from ticketing.billing.sync.drive import BillingConnector, Gate
from ticketing.billing.sync.run import SyncRun
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db.database import Database
from ticketing.platform.settings import Settings
from ticketing.roster.erased_contact_queries import list_hashes
from ticketing.roster.erased_contacts import ErasedContacts


def billing_connector(settings: Settings) -> BillingConnector | None:
    """Return what opens the configured source; None if none is configured.

    Raises Misconfigured for a mapping file that cannot be used.
    """
    is_simulated = settings.midtrans_environment == "simulator"
    if not (settings.billing_database_url or settings.billing_url or is_simulated):
        return None
    mapping = open_source(settings).mapping  # nothing is connected before the first request
    limits = mapping.limits
    return BillingConnector(
        mapping.name,
        partial(_open, settings),
        limit=limits.per_second,
        concurrency=limits.connections,
        on_finished=partial(_close_run, settings),
    )


def skip_erased(connector: BillingConnector, get_keys: Callable[[], KeyRing]) -> BillingConnector:
    """Return the connector with the students whose data were erased on request left out.

    The keys are needed for a sync after an erasure only, not to look at one.
    """

    def load(database: Database) -> Callable[[str], bool]:
        known = database.run(list_hashes)
        if not known:
            return connector.load_erased(database)
        hasher = ErasedContacts(get_keys())
        return lambda external_id: hasher.hash_student(connector.name, external_id) in known

    return replace(connector, load_erased=load)


def _close_run(settings: Settings, database: Database, run: SyncRun, at: datetime) -> None:
    """Store and mail what the run changed; compare the guests of all events with the records."""
    database.run(close_statement, run, at=at)
    max_age = timedelta(days=settings.billing_max_age_days)
    match_all_events(database, run.source, max_age=max_age, by=f"sync run {run.id}", at=at)


def _open(settings: Settings, gate: Gate) -> BillingSource:
    return open_source(settings, gate)
