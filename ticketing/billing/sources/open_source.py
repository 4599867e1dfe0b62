"""Open the source that the settings name."""

from ticketing.billing.sources.http.authorization import BillingCredentials
from ticketing.billing.sources.http.source import Gate, HttpSource, open_gate
from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.paths import TEMPLATES
from ticketing.platform.settings import Settings

SIMULATOR_MAPPING = TEMPLATES / "billing" / "pesantren.toml"


def open_source(
    settings: Settings, gate: Gate = open_gate, *, connections: int | None = None
) -> HttpSource:
    """Return the source of BILLING_URL; in a rehearsal without one, the simulated one.

    `gate` is awaited before each request of the list; `connections` replaces those of the mapping
    file and is at least the number of records that are fetched at once.
    Raises Misconfigured, which names the setting or the key of the mapping file.
    """
    is_simulated = not settings.billing_url and settings.midtrans_environment == "simulator"
    url = settings.billing_simulator_url if is_simulated else settings.billing_url
    path = settings.billing_mapping or (SIMULATOR_MAPPING if is_simulated else None)
    if not url:
        raise Misconfigured("BILLING_URL is not set: payment records have no source")
    if path is None:
        raise Misconfigured("BILLING_MAPPING is not set: it names the file that maps its fields")
    mapping = load_mapping(path, url)
    credentials = BillingCredentials(
        settings.billing_token.get_secret_value() if settings.billing_token else "",
        settings.billing_user,
        settings.billing_password.get_secret_value() if settings.billing_password else "",
    )
    kind = mapping.authentication.kind
    if kind in {"bearer", "header", "query"} and not credentials.token:
        raise Misconfigured(f"BILLING_TOKEN is not set: the mapping file says {kind}")
    if kind in {"basic", "client_credentials"} and not (credentials.user and credentials.password):
        raise Misconfigured(
            f"BILLING_USER or BILLING_PASSWORD is not set: the mapping file says {kind}"
        )
    if connections is not None:
        limits = mapping.limits.model_copy(update={"connections": connections})
        mapping = mapping.model_copy(update={"limits": limits})
    return HttpSource(url, mapping, credentials, gate=gate)
