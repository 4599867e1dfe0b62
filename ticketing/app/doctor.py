"""Checks of an installation. Each reports what it found, and what to do about a problem."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ticketing.app.doctor_billing import check_billing
from ticketing.app.doctor_installation import (
    check_backups,
    check_hosts,
    check_keys,
    check_sessions,
)
from ticketing.app.doctor_machine import run_machine_checks
from ticketing.app.findings import DoctorFinding, DoctorStatus, failed, ok, run_check, warning
from ticketing.app.sign_in_check import check_sign_in
from ticketing.app.transports import whatsapp_provider_config
from ticketing.go_live import queries as go_live_queries
from ticketing.notifications.admin import get_outbox_backlog
from ticketing.notifications.deliver import MessagingConnector
from ticketing.notifications.delivery import Channel
from ticketing.notifications.rate_limit import RateLimit
from ticketing.platform.application import Application
from ticketing.platform.db.database import MIN_SERVER_VERSION
from ticketing.platform.db.migrate import SchemaState, get_schema_state
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import demo_data
from ticketing.vouchers.provisioning.router_admin import check_router
from ticketing.vouchers.provisioning.router_clients import RouterClientPool, RouterConnector

CLOCK_TOLERANCE_SECONDS = 5
MIN_PLAUSIBLE_YEAR = 2026


def run_checks(application: Application) -> Iterator[DoctorFinding]:
    """Run all checks, in the order in which things are needed.

    Checks that read tables are left out while the schema is missing or outdated.
    """
    for check in (_database, check_sessions, _clock):
        yield from run_check(check, application)
    yield from run_machine_checks(application.settings)
    if _has_current_schema(application):
        for check in (
            check_hosts,
            check_keys,
            check_backups,
            check_sign_in,
            _mail,
            _whatsapp,
            _routers,
            check_billing,
            _rehearsals,
        ):
            yield from run_check(check, application)


def _has_current_schema(application: Application) -> bool:
    try:
        return get_schema_state(application.database) is SchemaState.CURRENT
    except TicketingError:
        return False


def _database(application: Application) -> Iterator[DoctorFinding]:
    version = application.database.server_version()
    detail = f"PostgreSQL {version // 10000}.{version % 10000} at {_database_location(application)}"
    if version < MIN_SERVER_VERSION:
        yield failed("database", detail, "point DATABASE_URL to version 14 or newer")
        return
    state = get_schema_state(application.database)
    if state is SchemaState.CURRENT:
        yield ok("database", detail)
    else:
        problem = "no tables yet" if state is SchemaState.EMPTY else "older schema"
        yield failed("database", f"{detail}, {problem}", "run `ticketing migrate`")


def _database_location(application: Application) -> str:
    if application.settings.database_url is None:
        return f"{application.settings.data_path}/postgres (embedded)"
    return f"{application.url.host or application.url.query.get('host')}/{application.url.database}"


def _clock(application: Application) -> Iterator[DoctorFinding]:
    database_time = application.database.current_time()
    local_time = datetime.now(UTC)
    offset = abs((local_time - database_time).total_seconds())
    detail = f"{format_clock(local_time)}, {offset:.1f} s from the database's"
    if offset > CLOCK_TOLERANCE_SECONDS or local_time.year < MIN_PLAUSIBLE_YEAR:
        yield failed("clock", detail, "synchronise the clocks by NTP: tickets depend on the time")
    else:
        yield ok("clock", detail)


def _mail(application: Application) -> Iterator[DoctorFinding]:
    """Check the settings for mail; no mail is sent, so the login is not tested."""
    with application.get(MessagingConnector).connect() as sender:
        has_mail_server = sender.mail is not None
    backlog = get_outbox_backlog(application.database, at=datetime.now(UTC))
    waiting = f"{backlog.to_people} messages are waiting"
    if not has_mail_server:
        detail = f"no mail server, nothing is sent; {waiting}"
        yield warning("mail", detail, "set MAIL_URL and MAIL_FROM")
    elif not application.settings.mail_url:
        detail = f"simulated: mails are files in {application.settings.mail_folder}"
        yield ok("mail", detail)
    elif Channel.MAIL in backlog.rests:
        until, reason = backlog.rests[Channel.MAIL]
        detail = f"nothing is sent {_pause_text(until)}; {reason}"
        yield warning("mail", detail, "correct MAIL_URL, or wait")
    else:
        yield ok("mail", f"sent through the server of MAIL_URL; {waiting}")
    if backlog.to_organiser and not application.settings.organiser_email:
        detail = f"no recipient for mails about orders; {backlog.to_organiser} messages are waiting"
        yield warning("organiser", detail, "set ORGANISER_EMAIL; ORGANISER_WHATSAPP is for alerts")


def _pause_text(until: datetime | None) -> str:
    if until is None:
        return "until it is resumed"
    is_over = until <= datetime.now(UTC)
    return "until one message was accepted" if is_over else f"until {format_clock(until)}"


def _whatsapp(application: Application) -> Iterator[DoctorFinding]:
    """Check the settings for WhatsApp; no message is sent, so the token is not tested."""
    settings = application.settings
    provider = whatsapp_provider_config(settings)
    if provider is None:
        yield ok("WhatsApp", "no provider; messages are sent by mail")
        return
    with application.get(MessagingConnector).connect():
        rate_limit = application.get(RateLimit)
    pauses = get_outbox_backlog(application.database, at=datetime.now(UTC)).rests
    daily_limit = "no limit" if rate_limit.per_day is None else f"at most {rate_limit.per_day:,}"
    detail = (
        f"by {settings.active_whatsapp_provider}, {daily_limit} a day,"
        f" {rate_limit.min_interval.total_seconds():g} s apart"
    )
    if Channel.WHATSAPP in pauses:
        until, reason = pauses[Channel.WHATSAPP]
        hint = "correct the problem, then `ticketing deliveries resume-channel whatsapp`"
        yield warning("WhatsApp", f"nothing is sent {_pause_text(until)}; {reason}", hint)
    elif not provider.webhook_secret:
        hint = "set WHATSAPP_WEBHOOK_SECRET"
        yield warning("WhatsApp", f"{detail}; receipts cannot be verified", hint)
    else:
        yield ok("WhatsApp", detail)


def _routers(application: Application) -> Iterator[DoctorFinding]:
    """Check every router, without effect on its circuit breaker."""
    known = application.database.run(router_queries.list_all)
    with application.get(RouterConnector).connect() as clients:
        for stored in known:
            yield from _router(application, stored, clients)


def _router(
    application: Application, stored: StoredRouter, clients: RouterClientPool
) -> Iterator[DoctorFinding]:
    subject, is_demo = f"router {stored.name}", stored.name == demo_data.DEMO_ROUTER
    check = f"`ticketing routers check {stored.name}`"
    if is_demo and application.settings.midtrans_environment != "simulator":
        detail = "simulated router; its vouchers give no internet access"
        yield failed(subject, detail, "move its packages, `ticketing routers delete`")
        return
    try:
        report = check_router(application.database, stored, clients.client_for(stored))
    except TicketingError as error:
        hint = "start `ticketing up`" if is_demo else f"correct the problem, then {check}"
        yield DoctorFinding(
            subject, DoctorStatus.WARNING if is_demo else DoctorStatus.FAILED, str(error), hint
        )
        return
    health = report.health
    detail = f"RouterOS {health.version}, {health.cpu_percent} % busy"
    if is_demo:
        yield ok(subject, f"simulated: {detail}")
    elif not stored.address.tls:
        detail += "; its password is sent unencrypted"
        yield warning(subject, detail, f"`ticketing routers update {stored.name} --tls`, or a VPN")
    else:
        yield ok(subject, detail)
    if not report.can_write:
        hint = "give the group of our account on the router the policy write"
        yield failed(subject, "our account may not add vouchers", hint)
    if report.mismatches:
        codes = ", ".join(one.package.code for one, _ in report.mismatches)
        yield failed(subject, f"packages {codes} cannot be provisioned there", check)


def _rehearsals(application: Application) -> Iterator[DoctorFinding]:
    """Fail in production while an event that is not over has orders of a rehearsal."""
    if application.settings.midtrans_environment != "production":
        return
    found = application.database.run(go_live_queries.list_unfinished_events, at=datetime.now(UTC))
    if not found:
        yield ok("rehearsals", "nothing is left of them")
    for slug, orders in found:
        detail = f"{orders:,} orders of {slug} were never paid with real money"
        yield failed("rehearsals", detail, f"`ticketing go-live --event {slug}`, then apply")
