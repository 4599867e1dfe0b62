"""Create and update events."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel import Locale, UnknownLocaleError

from ticketing.events import queries
from ticketing.events.model import (
    MAX_HOLD_MINUTES,
    MAX_SLUG_LENGTH,
    MAX_WAITING_LIST_HOURS,
    MIN_HOLD_MINUTES,
    RESERVED_SLUGS,
    BuyerNotices,
    Event,
    LatePayments,
    NewEvent,
    is_slug,
)
from ticketing.events.payment_rule import parse_payment_rule
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.wall_clock import to_instant

DEFAULT_DURATION = timedelta(hours=4)
MAX_GUEST_QUESTIONS, MAX_QUESTION_LENGTH = 20, 100


class UnusableEvent(Refused):
    """A field of an event is invalid; the message names field, value and what to do."""


def to_instants(
    starts: datetime, ends: datetime | None, time_zone: str
) -> tuple[datetime, datetime]:
    """Return start and end in the local time of a zone as instants; default: four hours later."""
    zone = parse_zone(time_zone)
    first = to_instant(starts, zone, field="starts")
    return first, to_instant(ends, zone, field="ends") if ends else first + DEFAULT_DURATION


TemplateRule = Callable[[NewEvent], None]


def add_event(
    database: Database, event: NewEvent, *, by: str, require_template: TemplateRule | None = None
) -> Event:
    """Store a new event. Repeating it has no effect; a different one of that slug is refused.

    `require_template` raises TemplateBroken for a template that cannot be used; pass it unless the
    template is one of the project.
    """
    _check(event)
    if require_template is not None:
        require_template(event)
    with database.transaction() as connection:
        existed = queries.find(connection, event.slug)
        stored = queries.insert_event(connection, event)
        values = asdict(event)
        differing = [name for name in values if getattr(stored, name) != values[name]]
        if differing:
            raise UnusableEvent(
                f"event {event.slug!r} exists with another {', '.join(differing)};"
                f" `ticketing events update {event.slug}` changes it"
            )
        if existed is None:
            audit_log.record(
                connection, actor=by, action="event added", event_id=stored.id, subject=event.slug
            )
        return stored


def change_event(
    database: Database,
    slug: str,
    changes: dict[str, object],
    *,
    by: str,
    require_template: TemplateRule | None = None,
) -> Event:
    """Update some fields. Tickets keep their identity; PDFs that show a changed field are stale.

    `require_template` is as in `add_event`: another venue may be one that the template cannot show.
    """
    event = queries.get_event(database, slug)
    changed = {name: value for name, value in changes.items() if value is not None}
    fields = {name: getattr(event, name) for name in NewEvent.__dataclass_fields__}
    wanted = NewEvent(**{**fields, **changed})
    _check(wanted)
    if require_template is not None:
        require_template(wanted)
    with database.transaction() as connection:
        queries.update_event(connection, event.id, changed)
        audit_log.record(
            connection, actor=by, action="event changed", event_id=event.id, subject=slug,
            details={name: str(value) for name, value in changed.items()},
        )  # fmt: skip
        return queries.get(connection, event.slug)


def _check(event: NewEvent) -> None:
    if not is_slug(event.slug):
        raise UnusableEvent(
            f"slug {event.slug!r}: write lower-case letters, digits and single hyphens,"
            f" at most {MAX_SLUG_LENGTH}, such as wisuda-2026"
        )
    if event.slug in RESERVED_SLUGS:
        raise UnusableEvent(f"slug {event.slug!r} is the name of an archive in the drop folder")
    for name in ("name", "venue"):
        if not getattr(event, name).strip():
            raise UnusableEvent(f"{name} is empty: it is printed on every ticket")
    # in UTC: two times of the same zone are compared by their wall clocks
    if event.ends_at.astimezone(UTC) < event.starts_at.astimezone(UTC):
        raise UnusableEvent(f"ends {event.ends_at} is before starts {event.starts_at}")
    parse_zone(event.time_zone)
    _check_locale(event.locale)
    _check_questions(event.guest_questions.splitlines())
    _check_selling(event)
    if event.region not in phonenumbers.SUPPORTED_REGIONS:
        raise UnusableEvent(f"region {event.region!r}: write a country's two letters, such as ID")


def _check_selling(event: NewEvent) -> None:
    if not MIN_HOLD_MINUTES <= event.hold_minutes <= MAX_HOLD_MINUTES:
        raise UnusableEvent(
            f"hold minutes {event.hold_minutes}: write {MIN_HOLD_MINUTES} to {MAX_HOLD_MINUTES}"
        )
    if event.buyer_notices not in list(BuyerNotices):
        raise UnusableEvent(
            f"buyer notices {event.buyer_notices!r}: choose {', '.join(BuyerNotices)}"
        )
    if event.late_payments not in list(LatePayments):
        raise UnusableEvent(
            f"late payments {event.late_payments!r}: choose {', '.join(LatePayments)}"
        )
    parse_payment_rule(event.payment_rule)
    if not 1 <= event.waiting_list_hours <= MAX_WAITING_LIST_HOURS:
        raise UnusableEvent(
            f"waiting list hours {event.waiting_list_hours}: write 1 to {MAX_WAITING_LIST_HOURS}"
        )


def _check_questions(questions: Sequence[str]) -> None:
    if len(questions) > MAX_GUEST_QUESTIONS:
        raise UnusableEvent(
            f"{len(questions)} guest questions: at most {MAX_GUEST_QUESTIONS} are asked"
        )
    for question in questions:
        if not question.strip() or len(question) > MAX_QUESTION_LENGTH:
            raise UnusableEvent(
                f"guest question {question!r}: write 1 to {MAX_QUESTION_LENGTH} characters"
            )
        if questions.count(question) > 1:
            raise UnusableEvent(f"guest question {question!r} is asked twice")


def parse_zone(name: str) -> ZoneInfo:
    """Return a time zone. Raises UnusableEvent for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnusableEvent(
            f"time zone {name!r} is not known: Asia/Jakarta (WIB), Asia/Makassar (WITA),"
            " Asia/Jayapura (WIT) are"
        ) from error


def _check_locale(name: str) -> None:
    try:
        Locale.parse(name)
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise UnusableEvent(f"locale {name!r} is not known: write id, en, ar, ja …") from error
