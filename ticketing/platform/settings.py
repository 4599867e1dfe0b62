"""The environment, typed: the one list of variables. `.env.example` is tested against it."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketing.platform.export_names import ExportKind

PROJECT_ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
_EXPORT_PATTERN = "|".join(ExportKind)


def _base_folder() -> Path:
    """The checkout when we run from one, else the folder we were started in."""
    return PROJECT_ROOT if (PROJECT_ROOT / "workspace.yaml").exists() else Path.cwd()


class Settings(BaseSettings):
    """Everything that can be set from outside; each default is right for one machine."""

    model_config = SettingsConfigDict(
        env_file=_base_folder() / ".env",
        env_file_encoding="utf-8",
        extra="ignore",
        populate_by_name=True,
    )

    data_path: Path = Field(
        default_factory=lambda: _base_folder() / ".data",
        validation_alias="TICKETING_DATA",
        description="Folder of everything that is not code: database, documents, keys, inbox.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="Any PostgreSQL from 14 on; empty starts the embedded one in TICKETING_DATA.",
    )
    dagster_database_url: SecretStr | None = Field(
        default=None,
        validation_alias="DAGSTER_DATABASE_URL",
        description="Dagster's own database; empty uses `<database>_dagster` on the same server.",
    )
    master_secret: SecretStr | None = Field(
        default=None,
        validation_alias="TICKETING_MASTER_SECRET",
        description="Seed of every signing key and magic link, 64 hex digits; empty keeps one in "
        "TICKETING_DATA/master.secret.",
    )
    documents_path: Path | None = Field(
        default=None,
        validation_alias="UPLOAD_PATH",
        description="Root of the rendered PDFs; empty means TICKETING_DATA/documents.",
    )
    inbox_path: Path | None = Field(
        default=None,
        validation_alias="INBOX_PATH",
        description="Drop folder for rosters, a folder an event; empty is TICKETING_DATA/inbox.",
    )
    templates_path: Path | None = Field(
        default=None,
        validation_alias="TEMPLATES_PATH",
        description="Folder of the operator's own ticket templates, looked in before ours.",
    )
    messages_path: Path | None = Field(
        default=None,
        validation_alias="MESSAGES_PATH",
        description="Folder of the operator's own texts of messages, laid out like"
        " templates/messages, looked in before ours.",
    )
    max_file_size: int = Field(
        default=10 * MIB,
        ge=1024,
        validation_alias="MAX_FILE_SIZE",
        description="Largest PDF we keep, in bytes.",
    )
    min_free_disk: int = Field(
        default=512 * MIB,
        ge=0,
        validation_alias="MIN_FREE_DISK",
        description="Rendering stops when the documents' disk has fewer bytes free.",
    )
    retention_days: int = Field(
        default=30,
        ge=1,
        validation_alias="DOCUMENT_RETENTION_DAYS",
        description="PDFs are deleted this many days after their event's end.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        validation_alias="LOG_LEVEL",
        description="DEBUG, INFO, WARNING or ERROR.",
    )
    log_path: Path | None = Field(
        default=None,
        validation_alias="LOG_PATH",
        description="File of JSON log lines; empty is TICKETING_DATA/logs/ticketing.jsonl, - is"
        " standard error.",
    )
    web_port: int = Field(
        default=8000,
        ge=1,
        le=65535,
        validation_alias="WEB_PORT",
        description="Where `ticketing serve` listens.",
    )
    web_public_url: str | None = Field(
        default=None,
        pattern="^(https?://[^/?#]+(/[^?#]*)?)?$",
        validation_alias="WEB_PUBLIC_URL",
        description="How others reach the web service, for addresses in its answers; empty means"
        " as they asked.",
    )
    web_cors_origins: str = Field(
        default="",
        validation_alias="WEB_CORS_ORIGINS",
        description="Origins whose pages may call the web service, with commas between.",
    )
    web_requests_a_minute: int = Field(
        default=120,
        ge=1,
        validation_alias="WEB_REQUESTS_A_MINUTE",
        description="How many requests a minute one address may send without a key.",
    )

    midtrans_environment: Literal["rehearsal", "sandbox", "production"] = Field(
        default="rehearsal",
        validation_alias="MIDTRANS_ENVIRONMENT",
        description="rehearsal (our own simulator, no money), sandbox (Midtrans' own rehearsal) or"
        " production.",
    )
    midtrans_server_key: SecretStr | None = Field(
        default=None,
        validation_alias="MIDTRANS_SERVER_KEY",
        description="The merchant's server key, from Midtrans' dashboard; a rehearsal needs none.",
    )
    midtrans_client_key: str = Field(
        default="",
        validation_alias="MIDTRANS_CLIENT_KEY",
        description="The merchant's client key; it is told to browsers.",
    )
    midtrans_rehearsal_url: str = Field(
        default="http://127.0.0.1:8788",
        pattern="^https?://[^/?#]+$",
        validation_alias="MIDTRANS_REHEARSAL_URL",
        description="Where the simulated Midtrans answers; `ticketing up` starts one and sets it.",
    )

    mail_url: SecretStr | None = Field(
        default=None,
        validation_alias="MAIL_URL",
        description="The mail server: smtps://user:password@host:465, or smtp:// for STARTTLS; in"
        " a rehearsal empty puts mails into TICKETING_DATA/mail, else they wait.",
    )
    mail_from: str = Field(
        default="",
        validation_alias="MAIL_FROM",
        description="Who writes: Panitia Wisuda <tiket@example.org>.",
    )
    organiser_mail: str = Field(
        default="",
        validation_alias="ORGANISER_MAIL",
        description="Who is told of orders and of questions about them; empty: these mails wait.",
    )

    mail_bounces: str = Field(
        default="",
        validation_alias="MAIL_BOUNCES",
        description="The mailbox for what comes back, bounces@example.org, which must take"
        " bounces+…@ too; empty: it comes back to MAIL_FROM.",
    )

    mail_bounces_folder: Path | None = Field(
        default=None,
        validation_alias="MAIL_BOUNCES_FOLDER",
        description="The Maildir where they arrive, if it is on this machine: what is new is read"
        " every ten minutes.",
    )

    daily_exports: str = Field(
        default="tickets,missing,orders",
        pattern=f"^({_EXPORT_PATTERN})(,({_EXPORT_PATTERN}))*$",
        validation_alias="DAILY_EXPORTS",
        description="Sheets that the schedule daily_exports_mornings mails, once it is turned on:"
        f" {', '.join(ExportKind)}.",
    )

    whatsapp_provider: Literal["", "rehearsal", "cloud", "waha", "fonnte", "none"] = Field(
        default="",
        validation_alias="WHATSAPP_PROVIDER",
        description="cloud (Meta), waha, fonnte, rehearsal (a simulator) or none; empty is a"
        " rehearsal's simulator, else none.",
    )
    whatsapp_url: str = Field(
        default="",
        pattern="^(https?://[^/?#]+)?$",
        validation_alias="WHATSAPP_URL",
        description="Where WAHA answers; empty for Meta and Fonnte is their own address.",
    )
    whatsapp_rehearsal_url: str = Field(
        default="http://127.0.0.1:8789",
        pattern="^https?://[^/?#]+$",
        validation_alias="WHATSAPP_REHEARSAL_URL",
        description="Where the simulated WhatsApp answers; `ticketing up` starts one and sets it.",
    )
    whatsapp_token: SecretStr | None = Field(
        default=None,
        validation_alias="WHATSAPP_TOKEN",
        description="A system user's token at Meta, WAHA's API key, or Fonnte's device token.",
    )
    whatsapp_phone_id: str = Field(
        default="",
        validation_alias="WHATSAPP_PHONE_ID",
        description="Meta's id of the number that sends; for WAHA the session's name.",
    )
    whatsapp_webhook_secret: SecretStr | None = Field(
        default=None,
        validation_alias="WHATSAPP_WEBHOOK_SECRET",
        description="What proves a report: Meta's app secret, WAHA's HMAC key; Fonnte signs"
        " nothing, its webhook's address ends in ?key= and this.",
    )
    whatsapp_verify_token: SecretStr | None = Field(
        default=None,
        validation_alias="WHATSAPP_VERIFY_TOKEN",
        description="The word that Meta asks for when a webhook's address is entered there.",
    )
    whatsapp_per_day: int | None = Field(
        default=None,
        ge=1,
        validation_alias="WHATSAPP_PER_DAY",
        description="At most so many messages in 24 hours; empty is 250, Meta's first tier, and"
        " no limit in a rehearsal.",
    )
    whatsapp_seconds_apart: float | None = Field(
        default=None,
        ge=0,
        validation_alias="WHATSAPP_SECONDS_APART",
        description="At least so far apart; empty is 30 for waha and fonnte, whose numbers get"
        " banned for haste, else 0.",
    )

    @property
    def active_whatsapp_provider(self) -> Literal["rehearsal", "cloud", "waha", "fonnte", "none"]:
        """Who carries WhatsApp messages."""
        if self.whatsapp_provider:
            return self.whatsapp_provider
        return "rehearsal" if self.midtrans_environment == "rehearsal" else "none"

    @property
    def daily_export_kinds(self) -> list[ExportKind]:
        """Sheets one by one."""
        return [ExportKind(name) for name in dict.fromkeys(self.daily_exports.split(","))]

    @property
    def cors_origins(self) -> list[str]:
        """Origins one by one."""
        return [origin.strip() for origin in self.web_cors_origins.split(",") if origin.strip()]

    @property
    def documents(self) -> Path:
        """Where PDFs are."""
        return self.documents_path or self.data_path / "documents"

    @property
    def log_file(self) -> Path:
        """Where log lines go."""
        return self.log_path or self.data_path / "logs" / "ticketing.jsonl"

    @property
    def mail_folder(self) -> Path:
        """Where a rehearsal's mails are put."""
        return self.data_path / "mail"

    @property
    def inbox(self) -> Path:
        """Where rosters are dropped."""
        return self.inbox_path or self.data_path / "inbox"

    @property
    def public_base_url(self) -> str:
        """Return the start of every link to us; in a rehearsal it leads to this machine."""
        public = (self.web_public_url or "").rstrip("/")
        is_rehearsal = self.midtrans_environment == "rehearsal"
        return public or (f"http://127.0.0.1:{self.web_port}" if is_rehearsal else "")
