"""Open the source that the settings name."""

from ticketing.billing.sources.database.view_queries import address_without_secret
from ticketing.billing.sources.database.view_source import SqlSource
from ticketing.billing.sources.http.authorization import BillingCredentials
from ticketing.billing.sources.http.source import Gate, HttpSource, open_gate
from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.paths import TEMPLATES
from ticketing.platform.settings import Settings

SIMULATOR_MAPPING = TEMPLATES / "billing" / "pesantren.toml"


def open_source(
    settings: Settings, gate: Gate = open_gate, *, connections: int | None = None
) -> HttpSource | SqlSource:
    """Return the source of BILLING_DATABASE_URL or BILLING_URL; in a rehearsal the simulated one.

    `gate` is awaited before each request of the list; `connections` replaces those of the mapping
    file and is at least the number of records that are fetched at once.
    Raises Misconfigured, which names the setting or the key of the mapping file.
    """
    if settings.billing_database_url:
        return _open_view(settings, settings.billing_database_url.get_secret_value(), connections)
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
    return HttpSource(url, _with_connections(mapping, connections), credentials, gate=gate)


def _open_view(settings: Settings, url: str, connections: int | None) -> SqlSource:
    if settings.billing_url:
        raise Misconfigured("set BILLING_URL or BILLING_DATABASE_URL, not both")
    if settings.billing_mapping is None:
        raise Misconfigured("BILLING_MAPPING is not set: it names the file with the queries")
    mapping = load_mapping(settings.billing_mapping, address_without_secret(url))
    return SqlSource(url, _with_connections(mapping, connections))


def _with_connections(mapping: SourceMapping, connections: int | None) -> SourceMapping:
    if connections is None:
        return mapping
    limits = mapping.limits.model_copy(update={"connections": connections})
    return mapping.model_copy(update={"limits": limits})
