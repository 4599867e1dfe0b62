"""Is this machine ready? Each examination says what it saw, and what to do when it is not well."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text

from ticketing.actions import rehearse_hotspot
from ticketing.actions.deliver import MessagingConnector
from ticketing.actions.delivery_desk import untaken
from ticketing.actions.router_doors import RouterConnector, RouterDoors
from ticketing.actions.routers import look_at
from ticketing.application import Application
from ticketing.domain.deliveries import Channel
from ticketing.domain.delivery_pace import Pace
from ticketing.domain.errors import TicketingError
from ticketing.doors import whatsapp_subscription
from ticketing.settings import MIB
from ticketing.signing.keys import KeyRing
from ticketing.store import events, keys, routers
from ticketing.store.database import OLDEST_SERVER
from ticketing.store.migrate import is_current
from ticketing.store.routers import StoredRouter

CLOCK_TOLERANCE_SECONDS = 5
OLDEST_SENSIBLE_YEAR = 2026


class Health(StrEnum):
    """Well; worth a look; will not work."""

    WELL = "ok"
    POOR = "warn"
    ILL = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination saw; `way_out` is empty when all is well."""

    subject: str
    health: Health
    seen: str
    way_out: str = ""


def examine(application: Application) -> Iterator[Finding]:
    """Every examination, in the order in which things are needed."""
    for examination in (
        _database, _clock, _fonts, _engine, _folders, _disk, _secret, _keys, _mail, _whatsapp,
        _routers,
    ):  # fmt: skip
        yield from _guarded(examination, application)


def _guarded(
    examination: Callable[[Application], Iterator[Finding]], application: Application
) -> Iterator[Finding]:
    """One that cannot be carried out is a finding, not the end of the visit."""
    try:
        yield from examination(application)
    except (TicketingError, OSError) as error:
        yield Finding(examination.__name__.strip("_"), Health.ILL, str(error), "see the message")


def _database(application: Application) -> Iterator[Finding]:
    version = application.database.server_version()
    seen = f"PostgreSQL {version // 10000}.{version % 10000} at {_where(application)}"
    if version < OLDEST_SERVER:
        yield Finding("database", Health.ILL, seen, "point DATABASE_URL to version 14 or newer")
    elif not is_current(application.database):
        yield Finding("database", Health.ILL, f"{seen}, older schema", "run `ticketing migrate`")
    else:
        yield Finding("database", Health.WELL, seen)


def _where(application: Application) -> str:
    if application.settings.database_url is None:
        return f"{application.settings.data_path}/postgres (embedded)"
    return f"{application.url.host or application.url.query.get('host')}/{application.url.database}"


def _clock(application: Application) -> Iterator[Finding]:
    with application.database.transaction() as connection:
        theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    ours = datetime.now(UTC)
    apart = abs((ours - theirs).total_seconds())
    seen = f"{ours:%Y-%m-%d %H:%M:%S} UTC, {apart:.1f} s from the database's"
    if apart > CLOCK_TOLERANCE_SECONDS or ours.year < OLDEST_SENSIBLE_YEAR:
        yield Finding("clock", Health.ILL, seen, "set the clocks by NTP: tickets are valid by time")
    else:
        yield Finding("clock", Health.WELL, seen)


def _fonts(_: Application) -> Iterator[Finding]:
    from ticketing.documents.fonts import font_problems  # noqa: PLC0415 - runs fc-list

    yield from _problems("fonts", font_problems(), "every script of people's names can be drawn")


def _engine(_: Application) -> Iterator[Finding]:
    from ticketing.documents.weasy import engine_problems  # noqa: PLC0415 - a second of imports

    yield from _problems("PDF engine", engine_problems(), "Pango and libharfbuzz-subset0 are there")


def _problems(subject: str, problems: list[str], well: str) -> Iterator[Finding]:
    if not problems:
        yield Finding(subject, Health.WELL, well)
    for problem in problems:
        yield Finding(
            subject, Health.ILL, problem, "`make setup` installs it, or names the command"
        )


def _folders(application: Application) -> Iterator[Finding]:
    settings = application.settings
    for subject, folder in (("documents", settings.documents), ("inbox", settings.inbox)):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            yield Finding(subject, Health.WELL, f"{folder} can be written")
        else:
            yield Finding(subject, Health.ILL, f"{folder} cannot be written", f"chown {folder}")


def _disk(application: Application) -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(application.settings.documents)).free
    needed = application.settings.min_free_disk
    seen = f"{free // MIB:,} MiB free, rendering stops below {needed // MIB:,}"
    health = Health.ILL if free < needed else Health.POOR if free < 4 * needed else Health.WELL
    way_out = "" if health is Health.WELL else "make room, or `ticketing clean-up-documents`"
    yield Finding("disk", health, seen, way_out)


def _existing(folder: Path) -> Path:
    return next(step for step in (folder, *folder.parents) if step.exists())


def _secret(application: Application) -> Iterator[Finding]:
    kept = application.settings.data_path / "master.secret"
    if application.settings.master_secret:
        yield Finding("master secret", Health.WELL, "given by TICKETING_MASTER_SECRET")
    elif not kept.exists():
        yield Finding("master secret", Health.WELL, f"will be made in {kept} with the first ticket")
    elif stat.S_IMODE(kept.stat().st_mode) & 0o077:
        yield Finding("master secret", Health.ILL, f"{kept} is open to others", f"chmod 600 {kept}")
    else:
        seen = f"kept in {kept}; without a copy of it no ticket can be signed again"
        yield Finding("master secret", Health.WELL, seen)


def _keys(application: Application) -> Iterator[Finding]:
    """Compared only, never recorded: an examination changes nothing."""
    with application.database.transaction() as connection:
        recorded = [
            (event, key) for event in events.everything(connection)
            for key in keys.of_event(connection, event.id)
        ]  # fmt: skip
    foreign = [
        f"{event.slug} generation {key.generation}" for event, key in recorded
        if application.get(KeyRing).public_key(event.uid, key.generation) != key.key
    ]  # fmt: skip
    if foreign:
        yield Finding(
            "signing keys", Health.ILL, f"not of this master secret: {', '.join(foreign)}",
            "put TICKETING_MASTER_SECRET back to what it was",
        )  # fmt: skip
    else:
        yield Finding("signing keys", Health.WELL, f"{len(recorded)} recorded, all of this secret")


def _mail(application: Application) -> Iterator[Finding]:
    """Nobody is written to: whether the server takes our password shows with the first mail."""
    with application.get(MessagingConnector).connect() as mailroom:
        has_door = mailroom.mail is not None
    waits = untaken(application.database, at=datetime.now(UTC))
    waiting = f"{waits.to_people} messages wait to be sent"
    if not has_door:
        seen = f"no server, nothing is sent; {waiting}"
        yield Finding("mail", Health.POOR, seen, "set MAIL_URL and MAIL_FROM")
    elif not application.settings.mail_url:
        seen = f"a rehearsal: mails are files in {application.settings.mails}"
        yield Finding("mail", Health.WELL, seen)
    elif Channel.MAIL in waits.rests:
        until, why = waits.rests[Channel.MAIL]
        seen = f"nothing is sent {_held(until)}; {why}"
        yield Finding("mail", Health.POOR, seen, "mend MAIL_URL, or wait")
    else:
        yield Finding("mail", Health.WELL, f"goes through the server of MAIL_URL; {waiting}")
    if waits.to_organiser and not application.settings.organiser_mail:
        seen = f"nobody is told of orders; {waits.to_organiser} messages wait"
        yield Finding("organiser", Health.POOR, seen, "set ORGANISER_MAIL")


def _held(until: datetime | None) -> str:
    return f"until {until:%H:%M} UTC" if until else "until somebody lets it go on"


def _whatsapp(application: Application) -> Iterator[Finding]:
    """Nobody is written to: whether the vendor takes our token shows with the first message."""
    settings = application.settings
    chat = whatsapp_subscription(settings)
    if chat is None:
        yield Finding("WhatsApp", Health.WELL, "nobody carries it; messages go by mail")
        return
    with application.get(MessagingConnector).connect():
        pace = application.get(Pace)
    rests = untaken(application.database, at=datetime.now(UTC)).rests
    most = "no limit" if pace.per_day is None else f"at most {pace.per_day:,}"
    seen = f"by {settings.whatsapp}, {most} a day, {pace.apart.total_seconds():g} s apart"
    if Channel.WHATSAPP in rests:
        until, why = rests[Channel.WHATSAPP]
        way_out = "mend what it says, then `ticketing resume-channel whatsapp`"
        yield Finding("WhatsApp", Health.POOR, f"nothing is sent {_held(until)}; {why}", way_out)
    elif not chat.secret:
        way_out = "set WHATSAPP_WEBHOOK_SECRET"
        yield Finding("WhatsApp", Health.POOR, f"{seen}; no report can be believed", way_out)
    else:
        yield Finding("WhatsApp", Health.WELL, seen)


def _routers(application: Application) -> Iterator[Finding]:
    """Each is asked how it is and what it has; its breaker hears nothing of it."""
    with application.database.transaction() as connection:
        known = routers.everyone(connection)
    with application.get(RouterConnector).connect() as doors:
        for stored in known:
            yield from _router(application, stored, doors)


def _router(
    application: Application, stored: StoredRouter, doors: RouterDoors
) -> Iterator[Finding]:
    subject, rehearsed = f"router {stored.name}", stored.name == rehearse_hotspot.ROUTER
    check = f"`ticketing router check {stored.name}`"
    if rehearsed and application.settings.midtrans_environment != "rehearsal":
        seen = "is simulated: nobody gets on the net by vouchers made there"
        yield Finding(subject, Health.ILL, seen, "move its packages, `ticketing router remove`")
        return
    try:
        looked = look_at(application.database, stored, doors.to(stored))
    except TicketingError as error:
        way_out = "start `ticketing up`" if rehearsed else f"mend it, then {check}"
        yield Finding(subject, Health.POOR if rehearsed else Health.ILL, str(error), way_out)
        return
    health = looked.health
    seen = f"RouterOS {health.version}, {health.cpu_percent} % busy"
    if rehearsed:
        yield Finding(subject, Health.WELL, f"a rehearsal: {seen}")
    elif not stored.address.tls:
        seen += "; its password crosses the network readably"
        yield Finding(subject, Health.POOR, seen, "`ticketing router add` with TLS, or a VPN")
    else:
        yield Finding(subject, Health.WELL, seen)
    if looked.misfits:
        codes = ", ".join(one.package.code for one, _ in looked.misfits)
        yield Finding(subject, Health.ILL, f"packages {codes} cannot be made there", check)
