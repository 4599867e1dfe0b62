"""Build the application and its objects from the settings."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import URL

from ticketing.app.running_installation import with_running_simulators
from ticketing.app.transports import (
    mail_transport,
    sender_name,
    whatsapp_provider_config,
    whatsapp_transport,
)
from ticketing.platform.application import Application, ObjectFactory
from ticketing.platform.db.database import Database, parse_database_url
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import is_current, upgrade
from ticketing.platform.db.pooler import require_sessions
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.restore_journal import require_no_open_restore
from ticketing.platform.settings import Settings

if TYPE_CHECKING:
    from ticketing.selling.payments.midtrans.client import MidtransAccount


def _backup_source(application: Application) -> object:
    """Build what a backup contains and where it goes."""
    from ticketing.backup.source import BackupSource

    return BackupSource.of(application)


def _document_folder(application: Application) -> object:
    from ticketing.documents.file_store import DocumentFolder, DocumentSink

    settings = application.settings
    return DocumentFolder(
        settings.documents,
        max_file_size=settings.max_file_size,
        min_free_disk=settings.min_free_disk,
        sink=DocumentSink(settings.document_sink),
    )


def _document_reader(application: Application) -> object:
    """Build the reader with a renderer of its own, because it is used in other threads."""
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders
    from ticketing.tickets.rendering.document_reader import DocumentReader

    renderer = Renderer(application.get(TemplateFolders))
    return DocumentReader(
        application.database, application.get(DocumentFolder), renderer, lambda: datetime.now(UTC)
    )


def _webhook_client(application: Application) -> object:
    """Build the webhook client; it may call this machine only with the simulator."""
    from ticketing.webhooks.client import WebhookClient

    return WebhookClient(allow_loopback=application.settings.midtrans_environment == "simulator")


def _generation_context(application: Application) -> object:
    from ticketing.crypto.keyring import KeyRing
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.tickets.generate import GenerationContext

    get = application.get
    return GenerationContext(application.database, get(KeyRing), get(Renderer), get(DocumentFolder))


def _key_ring(application: Application) -> object:
    """Build the key ring from the master secret, which must be that of the database."""
    from ticketing.crypto.master_secret import open_key_ring

    return open_key_ring(
        application.settings, application.database, clock=lambda: datetime.now(UTC)
    )


def _message_templates(application: Application) -> object:
    from ticketing.notifications.messages.templates import MessageTemplates

    settings = application.settings
    return MessageTemplates.linking_to(settings.public_base_url, settings.messages_path)


def _messaging_connector(application: Application) -> object:
    from ticketing.crypto.keyring import KeyRing
    from ticketing.notifications.deliver import MessagingConnector, NotificationSender
    from ticketing.notifications.messages.context import MessageContext
    from ticketing.notifications.messages.templates import MessageTemplates
    from ticketing.notifications.rate_limit import RateLimit
    from ticketing.tickets.rendering.document_reader import DocumentReader

    @contextmanager
    def connect() -> Iterator[NotificationSender]:
        settings, get = application.settings, application.get
        links = settings.public_base_url
        context = MessageContext(
            get(MessageTemplates), get(DocumentReader), get(KeyRing), links, sender_name(settings),
            csv_delimiter=settings.csv_delimiter_character,
        )  # fmt: skip
        provider = whatsapp_provider_config(settings)
        with mail_transport(settings) as mail, whatsapp_transport(provider, links) as whatsapp:
            recipient = settings.organiser_email
            minutes = settings.whatsapp_acknowledgement_minutes
            waits = provider.acknowledgement_policy(whatsapp, minutes) if provider else None
            yield NotificationSender(
                context, mail, recipient, whatsapp, get(RateLimit), waits,
                settings.organiser_whatsapp,
            )  # fmt: skip

    return MessagingConnector(connect)


def _billing_connector(application: Application) -> object | None:
    """Build what opens the source of payment records; None if none is configured."""
    from ticketing.app.billing_source import billing_connector, skip_erased
    from ticketing.crypto.keyring import KeyRing

    connector = billing_connector(application.settings)
    return connector and skip_erased(connector, lambda: application.get(KeyRing))


def _midtrans(application: Application) -> object:
    """Build the client of the payment gateway."""
    from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount

    public = application.settings.web_public_url
    notify = f"{public.rstrip('/')}/api/payment/notification" if public else ""
    return Midtrans(application.get(MidtransAccount), notify_url=notify)


def _gateway_probe(application: Application) -> object:
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.selling.payments.midtrans.gateway_probe import GatewayProbe

    return GatewayProbe(application.get(Midtrans).ping)


def _rate_limit(application: Application) -> object:
    """Build the rate limit of WhatsApp messages."""
    from ticketing.notifications.rate_limit import RateLimit

    settings = application.settings
    provider = whatsapp_provider_config(settings)
    if provider is None:
        return RateLimit(None)
    return provider.rate_limit(settings.whatsapp_per_day, settings.whatsapp_min_interval_seconds)


def _renderer(application: Application) -> object:
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders

    return Renderer(application.get(TemplateFolders))


def _router_connector(application: Application) -> object:
    from ticketing.crypto.keyring import KeyRing
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    return RouterConnector(application.get(KeyRing))


def _event_template_check(application: Application) -> object:
    from ticketing.documents.template_checker import TemplateChecker
    from ticketing.events.template_check import EventTemplateCheck

    return EventTemplateCheck(application.get(TemplateChecker).require_usable)


def _template_checker(application: Application) -> object:
    from ticketing.documents.template_checker import TemplateChecker
    from ticketing.documents.templates import TemplateFolders

    return TemplateChecker(application.get(TemplateFolders))


def _template_folders(application: Application) -> object:
    from ticketing.documents.templates import TemplateFolders

    return TemplateFolders(application.settings.templates_path)


def _hold_limits(application: Application) -> object:
    from ticketing.orders.holds import HoldLimits

    settings = application.settings
    return HoldLimits(
        settings.max_places_per_order,
        settings.max_unpaid_places_per_address,
        settings.max_unpaid_places_per_contact,
        settings.max_waiting_entries_per_address,
    )


# by name, so that only callers that look up a type import its module
FACTORIES: Mapping[str, ObjectFactory] = {
    "BackupSource": _backup_source,
    "BillingConnector": _billing_connector,
    "DocumentFolder": _document_folder,
    "DocumentReader": _document_reader,
    "EventTemplateCheck": _event_template_check,
    "GenerationContext": _generation_context,
    "GatewayProbe": _gateway_probe,
    "HoldLimits": _hold_limits,
    "KeyRing": _key_ring,
    "MessageTemplates": _message_templates,
    "MessagingConnector": _messaging_connector,
    "Midtrans": _midtrans,
    "MidtransAccount": lambda application: midtrans_account(application.settings),
    "RateLimit": _rate_limit,
    "Renderer": _renderer,
    "RouterConnector": _router_connector,
    "TemplateChecker": _template_checker,
    "TemplateFolders": _template_folders,
    "WebhookClient": _webhook_client,
    "WhatsAppProviderConfig": lambda application: whatsapp_provider_config(application.settings),
}


def get_factory(kind: type) -> ObjectFactory:
    """Return the factory of a type. Raises LookupError for an unknown one."""
    try:
        return FACTORIES[kind.__name__]
    except KeyError:
        raise LookupError(f"nothing builds a {kind.__qualname__}") from None


def midtrans_account(settings: Settings) -> "MidtransAccount":
    """Return the Midtrans account; the simulator's keys are public."""
    from ticketing.selling.payments.midtrans.client import MidtransAccount

    given = settings.midtrans_server_key
    server_key = given.get_secret_value() if given else ""
    if settings.midtrans_environment == "simulator":
        return MidtransAccount.simulator(settings.midtrans_simulator_url)
    if not server_key:
        raise Misconfigured(
            f"MIDTRANS_ENVIRONMENT is {settings.midtrans_environment}: set MIDTRANS_SERVER_KEY,"
            " which is in Midtrans' dashboard under Settings, Access Keys"
        )
    if settings.midtrans_environment == "sandbox":
        return MidtransAccount.sandbox(server_key, settings.midtrans_client_key)
    return MidtransAccount.production(server_key, settings.midtrans_client_key)


@contextmanager
def open_application(settings: Settings) -> Iterator[Application]:
    """Open the application; an embedded database server runs while it is open.

    The schema is not migrated, see `ensure_schema`.
    """
    settings = with_running_simulators(settings)
    with ExitStack() as stack:
        given = settings.database_url.get_secret_value() if settings.database_url else ""
        server = None if given else stack.enter_context(EmbeddedServer(settings.data_path))
        url = server.url() if server else parse_database_url(given)
        database = Database.from_url(url, environment=settings.midtrans_environment)
        stack.callback(database.dispose)
        yield Application(settings, database, url, _dagster_url(settings, url), server, get_factory)


def _dagster_url(settings: Settings, url: URL) -> URL:
    """Return the URL of Dagster's storage, which needs psycopg 2 (its NOTIFY has parameters)."""
    given = settings.dagster_database_url
    if given and given.get_secret_value():
        url = parse_database_url(given.get_secret_value())
    else:
        url = url.set(database=f"{url.database}_dagster")
    return url.set(drivername="postgresql+psycopg2")


def ensure_schema(application: Application) -> None:
    """Migrate the embedded database. Raises Misconfigured for an outdated external one.

    Also for a place whose restore was interrupted, and for a pooler in transaction mode.
    """
    require_no_open_restore(application.settings.data_path)
    if application.settings.database_url:
        require_sessions(
            application.database, environment=application.settings.midtrans_environment
        )
    if is_current(application.database):
        return
    if application.settings.database_url:
        raise Misconfigured(
            "the database has an older schema than this program: run `ticketing migrate`"
        )
    upgrade(application.database)
