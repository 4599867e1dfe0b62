"""Checks of an installation. Each reports what it found, and what to do about a problem."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text

from ticketing.app.transports import whatsapp_provider_config
from ticketing.crypto import key_queries
from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.notifications.admin import get_outbox_backlog
from ticketing.notifications.deliver import MessagingConnector
from ticketing.notifications.delivery import Channel
from ticketing.notifications.rate_limit import RateLimit
from ticketing.platform.application import Application
from ticketing.platform.db.database import MIN_SERVER_VERSION
from ticketing.platform.db.migrate import is_current
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.settings import MIB
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import demo_data
from ticketing.vouchers.provisioning.router_admin import check_router
from ticketing.vouchers.provisioning.router_clients import RouterClientPool, RouterConnector

CLOCK_TOLERANCE_SECONDS = 5
MIN_PLAUSIBLE_YEAR = 2026


class DoctorStatus(StrEnum):
    """Result of a check: ok, a warning, or a failure."""

    OK = "ok"
    WARNING = "warn"
    FAILED = "bad"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Result of a check; `way_out` says what to do, and is empty when all is well."""

    subject: str
    health: DoctorStatus
    seen: str
    way_out: str = ""


def run_checks(application: Application) -> Iterator[DoctorFinding]:
    """Run all checks, in the order in which things are needed."""
    for examination in (
        _database, _clock, _fonts, _engine, _folders, _disk, _secret, _keys, _mail, _whatsapp,
        _routers,
    ):  # fmt: skip
        yield from _run_check(examination, application)


def _run_check(
    check: Callable[[Application], Iterator[DoctorFinding]], application: Application
) -> Iterator[DoctorFinding]:
    """Run one check; its errors become a finding, so that the others still run."""
    try:
        yield from check(application)
    except (TicketingError, OSError) as error:
        yield DoctorFinding(
            check.__name__.strip("_"), DoctorStatus.FAILED, str(error), "see the message"
        )


def _database(application: Application) -> Iterator[DoctorFinding]:
    version = application.database.server_version()
    seen = f"PostgreSQL {version // 10000}.{version % 10000} at {_database_location(application)}"
    if version < MIN_SERVER_VERSION:
        yield DoctorFinding(
            "database", DoctorStatus.FAILED, seen, "point DATABASE_URL to version 14 or newer"
        )
    elif not is_current(application.database):
        yield DoctorFinding(
            "database", DoctorStatus.FAILED, f"{seen}, older schema", "run `ticketing migrate`"
        )
    else:
        yield DoctorFinding("database", DoctorStatus.OK, seen)


def _database_location(application: Application) -> str:
    if application.settings.database_url is None:
        return f"{application.settings.data_path}/postgres (embedded)"
    return f"{application.url.host or application.url.query.get('host')}/{application.url.database}"


def _clock(application: Application) -> Iterator[DoctorFinding]:
    with application.database.transaction() as connection:
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    ours = datetime.now(UTC)
    apart = abs((ours - theirs).total_seconds())
    seen = f"{ours:%Y-%m-%d %H:%M:%S} UTC, {apart:.1f} s from the database's"
    if apart > CLOCK_TOLERANCE_SECONDS or ours.year < MIN_PLAUSIBLE_YEAR:
        yield DoctorFinding(
            "clock",
            DoctorStatus.FAILED,
            seen,
            "synchronise the clocks by NTP: tickets depend on the time",
        )
    else:
        yield DoctorFinding("clock", DoctorStatus.OK, seen)


def _fonts(_: Application) -> Iterator[DoctorFinding]:
    from ticketing.documents.fonts import font_problems

    yield from _problem_findings("fonts", font_problems(), "all scripts of names can be drawn")


def _engine(_: Application) -> Iterator[DoctorFinding]:
    from ticketing.documents.weasyprint_engine import engine_problems

    yield from _problem_findings(
        "PDF engine", engine_problems(), "Pango and libharfbuzz-subset0 are installed"
    )


def _problem_findings(subject: str, problems: list[str], ok_text: str) -> Iterator[DoctorFinding]:
    if not problems:
        yield DoctorFinding(subject, DoctorStatus.OK, ok_text)
    for problem in problems:
        yield DoctorFinding(
            subject, DoctorStatus.FAILED, problem, "`make setup` installs it or prints the command"
        )


def _folders(application: Application) -> Iterator[DoctorFinding]:
    settings = application.settings
    for subject, folder in (("documents", settings.documents), ("inbox", settings.inbox)):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            yield DoctorFinding(subject, DoctorStatus.OK, f"{folder} is writable")
        else:
            yield DoctorFinding(
                subject, DoctorStatus.FAILED, f"{folder} is not writable", f"chown {folder}"
            )


def _disk(application: Application) -> Iterator[DoctorFinding]:
    free = shutil.disk_usage(_nearest_existing_folder(application.settings.documents)).free
    needed = application.settings.min_free_disk
    seen = f"{free // MIB:,} MiB free, rendering stops below {needed // MIB:,}"
    health = (
        DoctorStatus.FAILED
        if free < needed
        else DoctorStatus.WARNING
        if free < 4 * needed
        else DoctorStatus.OK
    )
    way_out = "" if health is DoctorStatus.OK else "make room, or `ticketing tickets clean-up`"
    yield DoctorFinding("disk", health, seen, way_out)


def _nearest_existing_folder(folder: Path) -> Path:
    return next(step for step in (folder, *folder.parents) if step.exists())


def _secret(application: Application) -> Iterator[DoctorFinding]:
    kept = application.settings.data_path / "master.secret"
    if application.settings.master_secret:
        yield DoctorFinding("master secret", DoctorStatus.OK, "set by TICKETING_MASTER_SECRET")
    elif not kept.exists():
        yield DoctorFinding(
            "master secret", DoctorStatus.OK, f"will be created in {kept} with the first ticket"
        )
    elif stat.S_IMODE(kept.stat().st_mode) & 0o077:
        yield DoctorFinding(
            "master secret",
            DoctorStatus.FAILED,
            f"{kept} is readable by others",
            f"chmod 600 {kept}",
        )
    else:
        seen = f"stored in {kept}; back it up, no ticket can be signed without it"
        yield DoctorFinding("master secret", DoctorStatus.OK, seen)


def _keys(application: Application) -> Iterator[DoctorFinding]:
    """Compare the recorded keys with the master secret; nothing is changed."""
    with application.database.transaction() as connection:
        recorded = [
            (event, key) for event in event_queries.list_events(connection)
            for key in key_queries.list_for_event(connection, event.id)
        ]  # fmt: skip
    foreign = [
        f"{event.slug} generation {key.generation}" for event, key in recorded
        if application.get(KeyRing).public_key(event.uid, key.generation) != key.key
    ]  # fmt: skip
    if foreign:
        yield DoctorFinding(
            "signing keys", DoctorStatus.FAILED, f"not of this master secret: {', '.join(foreign)}",
            "set TICKETING_MASTER_SECRET to its previous value",
        )  # fmt: skip
    else:
        yield DoctorFinding(
            "signing keys", DoctorStatus.OK, f"{len(recorded)} recorded, all of this secret"
        )


def _mail(application: Application) -> Iterator[DoctorFinding]:
    """Check the settings for mail; no mail is sent, so the login is not tested."""
    with application.get(MessagingConnector).connect() as mailroom:
        has_door = mailroom.mail is not None
    waits = get_outbox_backlog(application.database, at=datetime.now(UTC))
    waiting = f"{waits.to_people} messages are waiting"
    if not has_door:
        seen = f"no mail server, nothing is sent; {waiting}"
        yield DoctorFinding("mail", DoctorStatus.WARNING, seen, "set MAIL_URL and MAIL_FROM")
    elif not application.settings.mail_url:
        seen = f"simulated: mails are files in {application.settings.mail_folder}"
        yield DoctorFinding("mail", DoctorStatus.OK, seen)
    elif Channel.MAIL in waits.rests:
        until, why = waits.rests[Channel.MAIL]
        seen = f"nothing is sent {_pause_text(until)}; {why}"
        yield DoctorFinding("mail", DoctorStatus.WARNING, seen, "correct MAIL_URL, or wait")
    else:
        yield DoctorFinding(
            "mail", DoctorStatus.OK, f"sent through the server of MAIL_URL; {waiting}"
        )
    if waits.to_organiser and not application.settings.organiser_email:
        seen = f"no recipient for mails about orders; {waits.to_organiser} messages are waiting"
        yield DoctorFinding("organiser", DoctorStatus.WARNING, seen, "set ORGANISER_EMAIL")


def _pause_text(until: datetime | None) -> str:
    return f"until {until:%H:%M} UTC" if until else "until it is resumed"


def _whatsapp(application: Application) -> Iterator[DoctorFinding]:
    """Check the settings for WhatsApp; no message is sent, so the token is not tested."""
    settings = application.settings
    chat = whatsapp_provider_config(settings)
    if chat is None:
        yield DoctorFinding("WhatsApp", DoctorStatus.OK, "no provider; messages are sent by mail")
        return
    with application.get(MessagingConnector).connect():
        pace = application.get(RateLimit)
    rests = get_outbox_backlog(application.database, at=datetime.now(UTC)).rests
    most = "no limit" if pace.per_day is None else f"at most {pace.per_day:,}"
    seen = (
        f"by {settings.active_whatsapp_provider}, {most} a day,"
        f" {pace.min_interval.total_seconds():g} s apart"
    )
    if Channel.WHATSAPP in rests:
        until, why = rests[Channel.WHATSAPP]
        way_out = "correct the problem, then `ticketing deliveries resume-channel whatsapp`"
        yield DoctorFinding(
            "WhatsApp",
            DoctorStatus.WARNING,
            f"nothing is sent {_pause_text(until)}; {why}",
            way_out,
        )
    elif not chat.webhook_secret:
        way_out = "set WHATSAPP_WEBHOOK_SECRET"
        yield DoctorFinding(
            "WhatsApp", DoctorStatus.WARNING, f"{seen}; receipts cannot be verified", way_out
        )
    else:
        yield DoctorFinding("WhatsApp", DoctorStatus.OK, seen)


def _routers(application: Application) -> Iterator[DoctorFinding]:
    """Check every router, without effect on its circuit breaker."""
    with application.database.transaction() as connection:
        known = router_queries.list_all(connection)
    with application.get(RouterConnector).connect() as doors:
        for stored in known:
            yield from _router(application, stored, doors)


def _router(
    application: Application, stored: StoredRouter, clients: RouterClientPool
) -> Iterator[DoctorFinding]:
    subject, is_demo = f"router {stored.name}", stored.name == demo_data.DEMO_ROUTER
    check = f"`ticketing routers check {stored.name}`"
    if is_demo and application.settings.midtrans_environment != "simulator":
        seen = "simulated router; its vouchers give no internet access"
        yield DoctorFinding(
            subject, DoctorStatus.FAILED, seen, "move its packages, `ticketing routers delete`"
        )
        return
    try:
        looked = check_router(application.database, stored, clients.client_for(stored))
    except TicketingError as error:
        way_out = "start `ticketing up`" if is_demo else f"correct the problem, then {check}"
        yield DoctorFinding(
            subject, DoctorStatus.WARNING if is_demo else DoctorStatus.FAILED, str(error), way_out
        )
        return
    health = looked.health
    seen = f"RouterOS {health.version}, {health.cpu_percent} % busy"
    if is_demo:
        yield DoctorFinding(subject, DoctorStatus.OK, f"simulated: {seen}")
    elif not stored.address.tls:
        seen += "; its password is sent unencrypted"
        yield DoctorFinding(
            subject,
            DoctorStatus.WARNING,
            seen,
            f"`ticketing routers update {stored.name} --tls`, or a VPN",
        )
    else:
        yield DoctorFinding(subject, DoctorStatus.OK, seen)
    if looked.mismatches:
        codes = ", ".join(one.package.code for one, _ in looked.mismatches)
        yield DoctorFinding(
            subject, DoctorStatus.FAILED, f"packages {codes} cannot be provisioned there", check
        )
