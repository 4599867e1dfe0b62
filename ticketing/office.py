"""Opening the box office: from settings to the things that do the work."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from sqlalchemy import URL, text

from ticketing.domain.errors import Misconfigured
from ticketing.domain.events import Event
from ticketing.doors import links_of, mail_door, signed_by, whatsapp_door, whatsapp_subscription
from ticketing.settings import CHECKOUT, Settings
from ticketing.store import events
from ticketing.store.database import Database, application_url
from ticketing.store.embedded.server import EmbeddedServer
from ticketing.store.migrate import is_current, upgrade

if TYPE_CHECKING:
    from ticketing.actions.deliver import Mailroom
    from ticketing.actions.router_doors import RouterDoors
    from ticketing.documents.folder import DocumentFolder
    from ticketing.documents.messages import Messages
    from ticketing.documents.renderer import Renderer
    from ticketing.domain.delivery_pace import Pace
    from ticketing.gateways.hooks import HookClient
    from ticketing.gateways.midtrans import Account, Midtrans
    from ticketing.signing.keys import KeyRing

HEX_SECRET = re.compile(r"[0-9a-fA-F]{64}")


@dataclass
class Office:
    """The open box office; what is costly to make is made when first asked for."""

    settings: Settings
    database: Database
    url: URL
    dagster_url: URL
    server: EmbeddedServer | None = None  # ours, unless DATABASE_URL names another

    def event(self, slug_or_id: str) -> Event:
        """The event of that slug or number; refuses an unknown one."""
        with self.database.transaction() as connection:
            return events.get(connection, slug_or_id)

    @cached_property
    def keys(self) -> "KeyRing":
        """Signing keys and magic links, all from the master secret."""
        from ticketing.signing.keys import KeyRing  # noqa: PLC0415 - libsodium, for few commands

        return KeyRing(master_secret(self.settings))

    @cached_property
    def renderer(self) -> "Renderer":
        """Tickets to PDF bytes."""
        from ticketing.documents.renderer import Renderer  # noqa: PLC0415 - costs imports
        from ticketing.documents.templates import TemplateFolders  # noqa: PLC0415 - its neighbour

        return Renderer(TemplateFolders(self.settings.templates_path))

    @cached_property
    def folder(self) -> "DocumentFolder":
        """Where the PDFs are kept."""
        from ticketing.documents.folder import DocumentFolder  # noqa: PLC0415 - as its neighbours

        settings = self.settings
        return DocumentFolder(
            settings.documents,
            max_file_size=settings.max_file_size,
            min_free_disk=settings.min_free_disk,
        )

    @cached_property
    def midtrans(self) -> "Midtrans":
        """The payment gateway; also what `settle` and `expire_orders` ask."""
        from ticketing.gateways.midtrans import Midtrans  # noqa: PLC0415 - httpx, for few commands

        public = self.settings.web_public_url
        notify = f"{public.rstrip('/')}/api/payment/notification" if public else ""
        return Midtrans(midtrans_account(self.settings), notify_url=notify)

    @cached_property
    def hooks(self) -> "HookClient":
        """What carries webhooks; only a rehearsal may call this very machine."""
        from ticketing.gateways.hooks import HookClient  # noqa: PLC0415 - as above

        return HookClient(rehearsal=self.settings.midtrans_environment == "rehearsal")

    def router_doors(self) -> "RouterDoors":
        """Connections to the routers; `with` closes them in the end."""
        from ticketing.actions.router_doors import RouterDoors  # noqa: PLC0415 - as above

        return RouterDoors(self.keys)

    @cached_property
    def pace(self) -> "Pace":
        """How fast WhatsApp messages may go."""
        from ticketing.domain.delivery_pace import Pace  # noqa: PLC0415 - as above

        settings = self.settings
        chat = whatsapp_subscription(settings)
        if chat is None:
            return Pace(None)
        return chat.pace(settings.whatsapp_per_day, settings.whatsapp_seconds_apart)

    @cached_property
    def messages(self) -> "Messages":
        """The texts of messages; the operator's own first."""
        return messages_of(self.settings)

    @contextmanager
    def mailroom(self) -> "Iterator[Mailroom]":
        """What messages are sent with; its connections are closed in the end."""
        from ticketing.actions.deliver import Mailroom  # noqa: PLC0415 - as above
        from ticketing.actions.desk import Desk  # noqa: PLC0415 - as above

        settings = self.settings
        links = links_of(settings)
        desk = Desk(self.messages, self.folder, self.keys, links, signed_by(settings))
        chat = whatsapp_subscription(settings)
        with mail_door(settings) as mail, whatsapp_door(chat, links) as whatsapp:
            yield Mailroom(desk, mail, settings.organiser_mail, whatsapp, self.pace)


def messages_of(settings: Settings) -> "Messages":
    """The texts of messages, whose buttons lead to us; no database is asked."""
    from ticketing.documents.messages import Messages  # noqa: PLC0415 - as above

    links = links_of(settings)
    own = settings.messages_path
    return Messages(own, links=f"{links}/") if links else Messages(own)


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
def open_office(settings: Settings) -> Iterator[Office]:
    """The office, with its database server running for as long as it is open.

    The schema is not touched: `ticketing migrate` does that.
    """
    with ExitStack() as stack:
        given = settings.database_url.get_secret_value() if settings.database_url else ""
        server = None if given else stack.enter_context(EmbeddedServer(settings.data_path))
        url = server.url() if server else application_url(given)
        database = Database.at(url)
        stack.callback(database.dispose)
        yield Office(settings, database, url, _dagster_url(settings, url), server)


def _dagster_url(settings: Settings, url: URL) -> URL:
    """Dagster's storage; it still speaks psycopg 2 (its NOTIFY has parameters)."""
    given = settings.dagster_database_url
    if given and given.get_secret_value():
        url = application_url(given.get_secret_value())
    else:
        url = url.set(database=f"{url.database}_dagster")
    return url.set(drivername="postgresql+psycopg2")


def ensure_schema(office: Office) -> None:
    """Our own server is migrated as needed; somebody else's only when asked to."""
    if is_current(office.database):
        return
    if office.settings.database_url:
        raise Misconfigured(
            "the database has an older schema than this program: `ticketing migrate`"
        )
    upgrade(office.database)


def ensure_dagster_database(office: Office) -> None:
    """Make Dagster's database beside ours; one named by DAGSTER_DATABASE_URL is its owner's."""
    if office.settings.dagster_database_url:
        return
    name = office.dagster_url.database or ""
    engine = office.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        known = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if connection.execute(known, {"name": name}).first() is None:
            quoted = connection.dialect.identifier_preparer.quote_identifier(name)
            connection.execute(text(f"CREATE DATABASE {quoted}"))


def prepare_dagster_home(office: Office) -> dict[str, str]:
    """The environment for Dagster beside us; its home gets our dagster.yaml anew each time."""
    ensure_dagster_database(office)
    data = office.settings.data_path.resolve()
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CHECKOUT / "deploy" / "dagster_home" / "dagster.yaml", home / "dagster.yaml")
    libpq_url = office.url.set(drivername="postgresql")  # psql and pg_dump read it too
    path = os.environ.get("PATH", os.defpath)
    return {
        **os.environ,
        "PATH": f"{office.server.binaries}{os.pathsep}{path}" if office.server else path,
        "TICKETING_DATA": str(data),
        "DATABASE_URL": libpq_url.render_as_string(hide_password=False),
        "DAGSTER_POSTGRES_URL": office.dagster_url.render_as_string(hide_password=False),
        "DAGSTER_HOME": str(home),
    }


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
