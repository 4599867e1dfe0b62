"""The environment variables, typed, in one list. A test compares `.env.example` with it."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasGenerator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.paths import base_folder

MIB = 1024 * 1024
_EXPORT_PATTERN = "|".join(ExportKind)
_RENAMED_VARIABLES = {
    "FORWARDED_ALLOW_IPS": "TRUSTED_PROXIES",
    "MIDTRANS_REHEARSAL_URL": "MIDTRANS_SIMULATOR_URL",
    "ORGANISER_MAIL": "ORGANISER_EMAIL",
    "WHATSAPP_REHEARSAL_URL": "WHATSAPP_SIMULATOR_URL",
    "WHATSAPP_SECONDS_APART": "WHATSAPP_MIN_INTERVAL_SECONDS",
}
_RENAMED_VALUES = {"rehearsal": "simulator"}


class Settings(BaseSettings):
    """All settings; the defaults suit an installation on one machine."""

    model_config = SettingsConfigDict(
        env_file=base_folder() / ".env",
        env_file_encoding="utf-8",
        extra="ignore",
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=str.upper),
    )

    data_path: Path = Field(
        default_factory=lambda: base_folder() / ".data",
        validation_alias="TICKETING_DATA",
        description="Folder of all data: database, documents, keys, drop folder, logs.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="Any PostgreSQL from 14 on; empty starts the embedded one in TICKETING_DATA.",
    )
    dagster_database_url: SecretStr | None = Field(
        None,
        description="Dagster's own database; empty uses `<database>_dagster` on the same server.",
    )
    master_secret: SecretStr | None = Field(
        None,
        validation_alias="TICKETING_MASTER_SECRET",
        description="Seed of every signing key and magic link, 64 hex digits; empty keeps one in "
        "TICKETING_DATA/master.secret.",
    )
    documents_path: Path | None = Field(
        None,
        validation_alias="UPLOAD_PATH",
        description="Root folder of the rendered PDFs; empty uses TICKETING_DATA/documents.",
    )
    inbox_path: Path | None = Field(
        None,
        description="Drop folder for rosters, a folder per event; empty uses TICKETING_DATA/inbox.",
    )
    templates_path: Path | None = Field(
        None, description="Folder of custom ticket templates, searched before the built-in ones."
    )
    messages_path: Path | None = Field(
        None,
        description="Folder of custom message texts, with the structure of"
        " templates/messages, searched before the built-in ones.",
    )
    max_file_size: int = Field(
        10 * MIB,
        ge=1024,
        description="Maximum size of a PDF, and of a roster sent to the API, in bytes.",
    )
    min_free_disk: int = Field(
        512 * MIB,
        ge=0,
        description="Rendering stops when the disk of the documents has fewer bytes free.",
    )
    document_sink: Literal["files", "packs"] = Field(
        "files",
        description="Where new PDFs go: `files` is one file per ticket; `packs` is one file per"
        " event and version of its template, an eighth as large and several times as fast.",
    )
    retention_days: int = Field(
        30,
        ge=1,
        validation_alias="DOCUMENT_RETENTION_DAYS",
        description="PDFs are deleted this many days after their event's end, rejected rows of a"
        " roster sent to the API this many days after its import.",
    )
    run_history_days: int = Field(
        90,
        ge=1,
        description="Dagster's runs are deleted this many days after their end, except those whose"
        " results are the latest of their asset, partition or check.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_path: Path | None = Field(
        None,
        description="File of JSON log lines; empty uses TICKETING_DATA/logs/ticketing.jsonl, - uses"
        " standard error.",
    )
    web_port: int = Field(8000, ge=1, le=65535, description="Port of `ticketing serve`.")
    web_public_url: str | None = Field(
        None,
        pattern="^(https?://[^/?#]+(/[^?#]*)?)?$",
        description="Public address of the web service, for links in responses; empty uses the"
        " address of the request.",
    )
    dagster_public_url: str | None = Field(
        None,
        pattern="^(https?://[^/?#]+/?)?$",
        description="Public address of Dagster's page behind a proxy with TLS; empty: it opens on"
        " this machine only.",
    )
    web_cors_origins: str = Field(
        "", description="Origins of pages that may call the web service, separated by commas."
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks (10.0.0.0/8) of the reverse proxies whose"
        " X-Forwarded-For tells the address of a client, separated by commas.",
    )
    web_requests_a_minute: int = Field(
        120, ge=1, description="Maximum requests per minute from one address without an API key."
    )

    max_places_per_order: int = Field(
        10,
        ge=1,
        description="Maximum places of one order of the shop or the API, for ticket types without a"
        " limit of their own.",
    )

    max_unpaid_places_per_address: int = Field(
        100,
        ge=1,
        description="Maximum places of one event that orders from one address (IPv6: one /64) hold"
        " unpaid; further orders are refused.",
    )
    max_unpaid_places_per_contact: int = Field(
        20,
        ge=1,
        description="Maximum places of one event that orders of one e-mail address, or else one"
        " phone number, hold unpaid; further orders are refused.",
    )
    max_waiting_entries_per_address: int = Field(
        100,
        ge=1,
        description="Maximum entries of one address (IPv6: one /64) that wait for places of one"
        " event; further ones are refused.",
    )

    backup_path: Path | None = Field(
        None,
        description="Folder of backups, best on another disk or host; empty uses"
        " TICKETING_DATA/backups.",
    )
    backup_passphrase: SecretStr | None = Field(
        None,
        description="Passphrase that encrypts backups, at least 12 characters; also keep it where"
        " the backups are not. Empty: the nightly schedule makes none.",
    )
    backup_keep_days: int = Field(
        30,
        ge=1,
        description="Backups are deleted after this many days; the newest three always stay.",
    )
    backup_max_age_hours: int = Field(
        26, ge=1, description="`doctor` and `preflight` warn when the newest backup is older."
    )
    backup_programs: Path | None = Field(
        None,
        description="Folder of pg_dump and psql, for a server newer than PostgreSQL 18; empty uses"
        " those of the embedded server.",
    )

    midtrans_environment: Literal["simulator", "sandbox", "production"] = Field(
        "simulator",
        description="simulator (started by `ticketing up`, no money), sandbox (Midtrans' test"
        " system) or production.",
    )
    midtrans_server_key: SecretStr | None = Field(
        None,
        description="The merchant's server key, from Midtrans' dashboard; not used with the"
        " simulator.",
    )
    midtrans_client_key: str = Field(
        "",
        description="The merchant's client key; it is sent to browsers. With it, an order's page"
        " shows the payment itself; without it, buyers are redirected to Midtrans.",
    )
    midtrans_concurrency: int = Field(
        16,
        ge=1,
        le=64,
        description="Maximum questions about payments that one process asks Midtrans at once.",
    )
    midtrans_simulator_url: str = Field(
        "http://127.0.0.1:8788",
        pattern="^https?://[^/?#]+$",
        description="Address of the simulated Midtrans; `ticketing up` starts it and sets this.",
    )

    mail_url: SecretStr | None = Field(
        None,
        description="The mail server: smtps://user:password@host:465, or smtp:// for STARTTLS;"
        " empty stores mails in TICKETING_DATA/mail with the simulator, else they wait.",
    )
    mail_from: str = Field("", description="Sender of mails: Panitia Wisuda <tiket@example.org>.")
    organiser_email: str = Field(
        "", description="Recipient of mails about orders and reviews; empty: these mails wait."
    )
    organiser_whatsapp: str = Field(
        "",
        pattern=r"^(\+[1-9][0-9]{6,14})?$",
        description="Number that also gets alerts by WhatsApp: +6281234567890. Alerts are open"
        " incidents, orders to decide about, and refunds to transfer.",
    )

    mail_bounces: str = Field(
        "",
        description="Mailbox for bounces, bounces@example.org, which must accept"
        " bounces+…@ too; empty: bounces go to MAIL_FROM.",
    )

    mail_bounces_folder: Path | None = Field(
        None,
        description="The Maildir of that mailbox, if it is on this machine: new bounces are read"
        " every 10 minutes.",
    )

    daily_exports: str = Field(
        "tickets,missing,orders",
        pattern=f"^({_EXPORT_PATTERN})(,({_EXPORT_PATTERN}))*$",
        description="Exports mailed by the schedule daily_exports_every_morning, once it is on:"
        f" {', '.join(ExportKind)}.",
    )

    csv_delimiter: Literal[";", ",", "tab"] = Field(
        ";",
        description="Delimiter of CSV files: ; for Excel in Indonesia and wherever the comma is the"
        " decimal sign, else a comma or tab.",
    )

    whatsapp_provider: Literal["", "simulator", "cloud", "waha", "fonnte", "none"] = Field(
        "",
        description="cloud (Meta), waha, fonnte, simulator or none; empty uses simulator if"
        " MIDTRANS_ENVIRONMENT is simulator, else none.",
    )
    whatsapp_url: str = Field(
        "",
        pattern="^(https?://[^/?#]+)?$",
        description="Address of WAHA; empty for Meta and Fonnte uses their own address.",
    )
    whatsapp_simulator_url: str = Field(
        "http://127.0.0.1:8789",
        pattern="^https?://[^/?#]+$",
        description="Address of the simulated WhatsApp; `ticketing up` starts it and sets this.",
    )
    whatsapp_token: SecretStr | None = Field(
        None, description="A system user's token at Meta, WAHA's API key, or Fonnte's device token."
    )
    whatsapp_phone_id: str = Field(
        "", description="Meta's id of the sending phone number; for WAHA the name of the session."
    )
    whatsapp_webhook_secret: SecretStr | None = Field(
        None,
        description="Authenticates delivery receipts: Meta's app secret, WAHA's HMAC key. Fonnte"
        " signs nothing; its webhook address ends in ?key= and this value.",
    )
    whatsapp_verify_token: SecretStr | None = Field(
        None, description="The verify token that Meta asks for when the webhook address is entered."
    )
    whatsapp_per_day: int | None = Field(
        None,
        ge=1,
        description="Maximum messages in 24 hours; empty uses 250, Meta's first tier, and"
        " no limit with the simulator.",
    )
    whatsapp_min_interval_seconds: float | None = Field(
        None,
        ge=0,
        description="Minimum seconds between messages; empty uses 30 for waha and fonnte, which"
        " ban numbers for sending fast, else 0.",
    )
    whatsapp_acknowledgement_minutes: float | None = Field(
        None,
        ge=0,
        description="Minutes after which an accepted message without acknowledgement goes by the"
        " next channel; 0 never. Empty uses 15 for waha, else 0.",
    )

    billing_url: str = Field(
        "",
        pattern="^(https?://[^?#]+)?$",
        description="Address of the school's billing API, up to the paths of the mapping file;"
        " empty uses the simulated one if MIDTRANS_ENVIRONMENT is simulator.",
    )
    billing_database_url: SecretStr | None = Field(
        None,
        description="Database of the billing system, read by the queries of the mapping file's"
        " table [sql] instead of BILLING_URL.",
    )
    billing_mapping: Path | None = Field(
        None, description="The mapping file (TOML) of the billing API: paths, paging, fields."
    )
    billing_token: SecretStr | None = Field(
        None, description="Bearer token or API key of the billing API."
    )
    billing_user: str = Field("", description="User or client id of the billing API.")
    billing_password: SecretStr | None = Field(
        None, description="Password or client secret of the billing API."
    )
    billing_max_age_days: int = Field(
        7,
        ge=1,
        description="A payment record that was not confirmed for so many days counts as unknown.",
    )
    billing_simulator_url: str = Field(
        "http://127.0.0.1:8791",
        pattern="^https?://[^/?#]+$",
        description="Address of the simulated billing API; `ticketing up` starts it and sets this.",
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_former_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Refuse variables and values that were renamed, naming the new ones."""
        given = {name.upper() for name in values} | os.environ.keys()
        for former in sorted(given & _RENAMED_VARIABLES.keys()):
            raise ValueError(f"{former} was renamed: set {_RENAMED_VARIABLES[former]} instead")
        for variable in ("MIDTRANS_ENVIRONMENT", "WHATSAPP_PROVIDER"):
            renamed = _RENAMED_VALUES.get(values.get(variable, ""))
            if renamed:
                raise ValueError(f"{variable}={values[variable]} was renamed: use {renamed}")
        return values

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        """Refuse what is no address and no network; everybody would be trusted by `*`."""
        for proxy in filter(None, map(str.strip, value.split(","))):
            try:
                ip_network(proxy)
            except ValueError as error:
                raise ValueError(
                    f"{proxy!r} is no address and no network such as 10.0.0.0/8: {error}"
                ) from error
        return value

    @property
    def proxies(self) -> list[str]:
        """Return the addresses and networks of TRUSTED_PROXIES as a list."""
        return [proxy.strip() for proxy in self.trusted_proxies.split(",") if proxy.strip()]

    @property
    def active_whatsapp_provider(self) -> Literal["simulator", "cloud", "waha", "fonnte", "none"]:
        """Return the WhatsApp provider, with the default filled in."""
        if self.whatsapp_provider:
            return self.whatsapp_provider
        return "simulator" if self.midtrans_environment == "simulator" else "none"

    @property
    def csv_delimiter_character(self) -> str:
        """Return the delimiter of CSV files as one character."""
        return "\t" if self.csv_delimiter == "tab" else self.csv_delimiter

    @property
    def daily_export_kinds(self) -> list[ExportKind]:
        """Return the exports of DAILY_EXPORTS, without duplicates."""
        return [ExportKind(name) for name in dict.fromkeys(self.daily_exports.split(","))]

    @property
    def cors_origins(self) -> list[str]:
        """Return the origins of WEB_CORS_ORIGINS as a list."""
        return [origin.strip() for origin in self.web_cors_origins.split(",") if origin.strip()]

    @property
    def documents(self) -> Path:
        """Return the root folder of the PDFs."""
        return self.documents_path or self.data_path / "documents"

    @property
    def backups(self) -> Path:
        """Return the folder of backups."""
        return self.backup_path or self.data_path / "backups"

    @property
    def log_file(self) -> Path:
        """Return the log file, or `-` for standard error."""
        return self.log_path or self.data_path / "logs" / "ticketing.jsonl"

    @property
    def mail_folder(self) -> Path:
        """Return the folder of mails that are stored instead of sent."""
        return self.data_path / "mail"

    @property
    def inbox(self) -> Path:
        """Return the drop folder for rosters."""
        return self.inbox_path or self.data_path / "inbox"

    @property
    def uploads(self) -> Path:
        """Return the folder of rosters sent to the API, and of their rejected rows."""
        return self.data_path / "uploads"

    @property
    def closing_reports(self) -> Path:
        """Return the folder of closing reports, a folder per event."""
        return self.data_path / "closing-reports"

    @property
    def rejected_rows_folder(self) -> Path:
        """Return the folder of rejected rows, a folder per event."""
        return self.data_path / "rejected"

    def require_public_url(self) -> None:
        """Raise Misconfigured for real money without an address to which buyers can return."""
        if self.midtrans_environment == "production" and not self.web_public_url:
            raise Misconfigured(
                "MIDTRANS_ENVIRONMENT is production: set WEB_PUBLIC_URL to the address at which"
                " buyers reach the web service, such as https://tickets.example.org"
            )

    @property
    def public_base_url(self) -> str:
        """Return the base URL of links; empty when unknown, this machine with the simulator."""
        public = (self.web_public_url or "").rstrip("/")
        is_simulated = self.midtrans_environment == "simulator"
        return public or (f"http://127.0.0.1:{self.web_port}" if is_simulated else "")
