"""The source of payment records that the settings name."""

from ticketing.billing.sync.drive import BillingConnector
from ticketing.platform.settings import Settings


def billing_connector(settings: Settings) -> BillingConnector | None:  # noqa: ARG001 - no kind of source yet
    """Return what opens the configured source; None if none is configured."""
    return None
