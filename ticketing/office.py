"""Compose the application: from settings to the objects that do the work."""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from sqlalchemy import URL

from ticketing.application import Application, Factory
from ticketing.domain.errors import Misconfigured
from ticketing.doors import mail_door, signed_by, whatsapp_door, whatsapp_subscription
from ticketing.settings import Settings
from ticketing.store.database import Database, application_url
from ticketing.store.embedded.server import EmbeddedServer
from ticketing.store.migrate import is_current, upgrade

if TYPE_CHECKING:
    from ticketing.actions.deliver import MessagingConnector
    from ticketing.actions.router_doors import RouterConnector
    from ticketing.documents.folder import DocumentFolder
    from ticketing.documents.messages import Messages
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders
    from ticketing.domain.delivery_pace import Pace
    from ticketing.gateways.hooks import HookClient
    from ticketing.gateways.midtrans import Account, Midtrans
    from ticketing.gateways.whatsapp_vendors import Subscription
    from ticketing.signing.keys import KeyRing

HEX_SECRET = re.compile(r"[0-9a-fA-F]{64}")


def _account(application: Application) -> "Account":
    return midtrans_account(application.settings)


def _document_folder(application: Application) -> "DocumentFolder":
    from ticketing.documents.folder import DocumentFolder  # noqa: PLC0415 - for few commands

    settings = application.settings
    return DocumentFolder(
        settings.documents,
        max_file_size=settings.max_file_size,
        min_free_disk=settings.min_free_disk,
    )


def _hook_client(application: Application) -> "HookClient":
    """Build what calls webhooks; only a rehearsal may call this very machine."""
    from ticketing.gateways.hooks import HookClient  # noqa: PLC0415 - httpx, for few commands

    return HookClient(rehearsal=application.settings.midtrans_environment == "rehearsal")


def _key_ring(application: Application) -> "KeyRing":
    """Build the signing keys and magic links, all from the master secret."""
    from ticketing.signing.keys import KeyRing  # noqa: PLC0415 - libsodium, for few commands

    return KeyRing(master_secret(application.settings))


def _messages(application: Application) -> "Messages":
    from ticketing.documents.messages import Messages  # noqa: PLC0415 - costs imports

    settings = application.settings
    return Messages.linking_to(settings.public_base_url, settings.messages_path)


def _messaging_connector(application: Application) -> "MessagingConnector":
    from ticketing.actions.deliver import Mailroom, MessagingConnector  # noqa: PLC0415 - as above
    from ticketing.actions.desk import Desk  # noqa: PLC0415 - as above
    from ticketing.documents.folder import DocumentFolder  # noqa: PLC0415 - as above
    from ticketing.documents.messages import Messages  # noqa: PLC0415 - as above
    from ticketing.domain.delivery_pace import Pace  # noqa: PLC0415 - as above
    from ticketing.signing.keys import KeyRing  # noqa: PLC0415 - as above

    @contextmanager
    def connect() -> Iterator[Mailroom]:
        settings, get = application.settings, application.get
        links = settings.public_base_url
        desk = Desk(get(Messages), get(DocumentFolder), get(KeyRing), links, signed_by(settings))
        chat = whatsapp_subscription(settings)
        with mail_door(settings) as mail, whatsapp_door(chat, links) as whatsapp:
            yield Mailroom(desk, mail, settings.organiser_mail, whatsapp, get(Pace))

    return MessagingConnector(connect)


def _midtrans(application: Application) -> "Midtrans":
    """Build the payment gateway's client."""
    from ticketing.gateways.midtrans import Account, Midtrans  # noqa: PLC0415 - httpx

    public = application.settings.web_public_url
    notify = f"{public.rstrip('/')}/api/payment/notification" if public else ""
    return Midtrans(application.get(Account), notify_url=notify)


def _pace(application: Application) -> "Pace":
    """Build the rule of how fast WhatsApp messages may go."""
    from ticketing.domain.delivery_pace import Pace  # noqa: PLC0415 - as above

    settings = application.settings
    chat = whatsapp_subscription(settings)
    if chat is None:
        return Pace(None)
    return chat.pace(settings.whatsapp_per_day, settings.whatsapp_seconds_apart)


def _renderer(application: Application) -> "Renderer":
    from ticketing.documents.renderer import Renderer  # noqa: PLC0415 - costs imports
    from ticketing.documents.templates import TemplateFolders  # noqa: PLC0415 - its neighbour

    return Renderer(application.get(TemplateFolders))


def _router_connector(application: Application) -> "RouterConnector":
    from ticketing.actions.router_doors import RouterConnector  # noqa: PLC0415 - as above
    from ticketing.signing.keys import KeyRing  # noqa: PLC0415 - as above

    return RouterConnector(application.get(KeyRing))


def _subscription(application: Application) -> "Subscription | None":
    return whatsapp_subscription(application.settings)


def _template_folders(application: Application) -> "TemplateFolders":
    from ticketing.documents.templates import TemplateFolders  # noqa: PLC0415 - as above

    return TemplateFolders(application.settings.templates_path)


# by name: whoever looks up a type has imported it, and nobody else has to
FACTORIES: Mapping[str, Factory] = {
    "Account": _account,
    "DocumentFolder": _document_folder,
    "HookClient": _hook_client,
    "KeyRing": _key_ring,
    "Messages": _messages,
    "MessagingConnector": _messaging_connector,
    "Midtrans": _midtrans,
    "Pace": _pace,
    "Renderer": _renderer,
    "RouterConnector": _router_connector,
    "Subscription": _subscription,
    "TemplateFolders": _template_folders,
}


def factory_of(kind: type) -> Factory:
    """Return the factory of a type. Raises LookupError for one that nothing builds."""
    try:
        return FACTORIES[kind.__name__]
    except KeyError:
        raise LookupError(f"nothing builds a {kind.__qualname__}") from None


def midtrans_account(settings: Settings) -> "Account":
    """Whose money it is; a rehearsal has keys that everybody knows."""
    from ticketing.gateways.midtrans import Account  # noqa: PLC0415 - as above

    given = settings.midtrans_server_key
    server_key = given.get_secret_value() if given else ""
    if settings.midtrans_environment == "rehearsal":
        return Account.rehearsal(settings.midtrans_rehearsal_url)
    if not server_key:
        raise Misconfigured(
            f"MIDTRANS_ENVIRONMENT is {settings.midtrans_environment}: set MIDTRANS_SERVER_KEY,"
            " which is in Midtrans' dashboard under Settings, Access Keys"
        )
    if settings.midtrans_environment == "sandbox":
        return Account.sandbox(server_key, settings.midtrans_client_key)
    return Account.production(server_key, settings.midtrans_client_key)


@contextmanager
def open_application(settings: Settings) -> Iterator[Application]:
    """Open the application; its database server runs for as long as it is open.

    The schema is not touched: `ticketing migrate` does that.
    """
    with ExitStack() as stack:
        given = settings.database_url.get_secret_value() if settings.database_url else ""
        server = None if given else stack.enter_context(EmbeddedServer(settings.data_path))
        url = server.url() if server else application_url(given)
        database = Database.at(url)
        stack.callback(database.dispose)
        yield Application(settings, database, url, _dagster_url(settings, url), server, factory_of)


def _dagster_url(settings: Settings, url: URL) -> URL:
    """Dagster's storage; it still speaks psycopg 2 (its NOTIFY has parameters)."""
    given = settings.dagster_database_url
    if given and given.get_secret_value():
        url = application_url(given.get_secret_value())
    else:
        url = url.set(database=f"{url.database}_dagster")
    return url.set(drivername="postgresql+psycopg2")


def ensure_schema(application: Application) -> None:
    """Our own server is migrated as needed; somebody else's only when asked to."""
    if is_current(application.database):
        return
    if application.settings.database_url:
        raise Misconfigured(
            "the database has an older schema than this program: `ticketing migrate`"
        )
    upgrade(application.database)


def master_secret(settings: Settings) -> bytes:
    """The 32 bytes that everything signed depends on; made and kept once when none is given."""
    given = settings.master_secret.get_secret_value() if settings.master_secret else ""
    text_secret = given or _kept_secret(settings.data_path / "master.secret")
    if not HEX_SECRET.fullmatch(text_secret):
        raise Misconfigured(
            "TICKETING_MASTER_SECRET must be 64 hexadecimal digits;"
            " `openssl rand -hex 32` makes them"
        )
    return bytes.fromhex(text_secret)


def _kept_secret(path: Path) -> str:
    """Read the secret file, or make it: linked into place whole, so no reader sees half of it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:  # mode 0600
            draft.write(secrets.token_hex(32) + "\n")
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):  # somebody was quicker; theirs is the secret
                path.hardlink_to(draft.name)
    return path.read_text(encoding="ascii").strip()
