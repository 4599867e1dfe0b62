"""The source of payment records that the settings name."""

from functools import partial

from ticketing.billing.sources.contract import BillingSource
from ticketing.billing.sources.open_source import open_source
from ticketing.billing.sync.drive import BillingConnector, Gate
from ticketing.platform.settings import Settings


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
    )


def _open(settings: Settings, gate: Gate) -> BillingSource:
    return open_source(settings, gate)
