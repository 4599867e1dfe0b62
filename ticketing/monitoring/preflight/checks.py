"""Collect the items of a preflight list that are about the event itself."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from ticketing.documents.renderer import Renderer
from ticketing.documents.template_checker import TemplateChecker
from ticketing.events.model import Event
from ticketing.monitoring.preflight import preflight_queries
from ticketing.monitoring.preflight.item import (
    MAX_EXAMPLES,
    Found,
    PreflightItem,
    Severity,
    make_item,
)
from ticketing.monitoring.preflight.near_names import describe_spellings
from ticketing.orders import review_flag_queries
from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TemplateBroken
from ticketing.tickets import eligibility_queries
from ticketing.tickets.missing import is_event_over
from ticketing.tickets.rendering.preflight import run_preflight

_BLOCKING, _WARNING = Severity.BLOCKING, Severity.WARNING


def list_event_items(
    database: Database,
    event: Event,
    *,
    renderer: Renderer,
    templates: TemplateChecker,
    at: datetime,
) -> Iterator[PreflightItem]:
    """Yield every item about the event, the important ones first."""
    yield _check_templates(database, event, templates)
    yield _check_names(database, event, renderer)
    with database.transaction() as connection:
        yield from _check_tickets(connection, event, at=at)
        yield from _check_people(connection, event)
        yield from _check_sales(connection, event)
        yield from _check_messages(connection, event)
        yield _check_worker(connection)


def _check_templates(database: Database, event: Event, templates: TemplateChecker) -> PreflightItem:
    """Prove the template of the event, and those that requests chose for tickets."""
    chosen = database.run(preflight_queries.list_chosen_templates, event.id)
    problems = []
    for name in dict.fromkeys([event.template_id, *chosen]):
        try:
            templates.require_usable(replace(event, template_id=name))
        except TemplateBroken as error:
            problems.append(str(error))
    found = Found(len(problems), problems)
    return make_item(
        "templates without usable tickets", _BLOCKING, found, "ticketing templates check"
    )


def _check_names(database: Database, event: Event, renderer: Renderer) -> PreflightItem:
    """Check the names; a name that only loses an emoji is printed."""
    examples, count = list[str](), 0
    try:
        for finding in run_preflight(database, event, renderer=renderer):
            if not finding.is_note:
                count += 1
                if len(examples) < MAX_EXAMPLES:
                    examples.append(f"{finding.full_name}: {finding.reason}")
    except TemplateBroken as error:
        count, examples = 1, [str(error)]
    command = f"ticketing tickets preflight --event {event.slug}"
    return make_item("names that cannot be printed", _BLOCKING, Found(count, examples), command)


def _check_tickets(
    connection: Connection, event: Event, *, at: datetime
) -> Iterator[PreflightItem]:
    slug = event.slug
    counts = eligibility_queries.count_by_status(
        connection, event.id, event_over=is_event_over(event, at)
    )
    reasons = [f"{reason}: {number}" for reason, number in counts.reasons.items()]
    held = [reason for reason in reasons if reason.startswith("on hold")]
    missing = [
        one.full_name
        for one in eligibility_queries.list_missing(connection, event.id, limit=MAX_EXAMPLES)
    ]
    generate = f"ticketing generate-tickets --event {slug}"
    yield make_item("guests without a ticket", _BLOCKING, Found(counts.missing, missing), generate)
    yield make_item(
        "tickets without a PDF", _BLOCKING,
        preflight_queries.find_failed_documents(connection, event.id),
        f"ticketing export --event {slug} missing --csv missing.csv",
    )  # fmt: skip
    yield make_item(
        "tickets that scanners without a network refuse before the end", _WARNING,
        preflight_queries.find_tickets_expiring_before(connection, event.id, event.ends_at),
        f"ticketing generate-tickets --event {slug} --ids … --reissue --reason 'new date'",
    )  # fmt: skip
    yield make_item(
        "guests on hold, unpaid ones too", _WARNING, Found(counts.on_hold, held),
        f"ticketing export --event {slug} missing --csv missing.csv",
    )  # fmt: skip
    rejected = [reason for reason in reasons if reason.startswith("rejected")]
    yield make_item(
        "rejected rows of the latest import", _WARNING, Found(counts.quarantined, rejected),
        f"ticketing tickets report --event {slug}",
    )  # fmt: skip


def _check_people(connection: Connection, event: Event) -> Iterator[PreflightItem]:
    duplicates = f"ticketing guests duplicates --event {event.slug}"
    yield make_item(
        "undecided duplicates", _WARNING,
        preflight_queries.find_undecided_duplicates(connection, event.id), duplicates,
    )  # fmt: skip
    yield make_item(
        "one contact with two spellings of a name", _WARNING,
        _find_spellings(connection, event.id),
        f"ticketing guests merge KEEP DROP --event {event.slug}",
    )  # fmt: skip
    yield make_item(
        "guests who cannot be reached", _WARNING,
        preflight_queries.find_unreachable_guests(connection, event.id),
        f"ticketing guests update GUEST --event {event.slug} --email …",
    )  # fmt: skip


def _find_spellings(connection: Connection, event_id: int) -> Found:
    """Find guests with one contact and nearly the same name: at most one pair per contact.

    A pair with the same e-mail address and the same number counts once.
    """
    shared = preflight_queries.iter_shared_contacts(connection, event_id)
    found = dict.fromkeys(filter(None, (describe_spellings(*each) for each in shared)))
    return Found(len(found), list(islice(found, MAX_EXAMPLES)))


def _check_sales(connection: Connection, event: Event) -> Iterator[PreflightItem]:
    slug = event.slug
    yield make_item(
        "unpaid orders", _WARNING,
        preflight_queries.find_pending_orders(connection, event.id),
        f"ticketing orders list --event {slug} --state pending",
    )  # fmt: skip
    flags = review_flag_queries.list_open(connection, event.id)
    examples = [f"{one.order_code}: {one.flag}" for one in flags]
    yield make_item(
        "open review flags", _WARNING, Found(len(flags), examples),
        f"ticketing orders list --event {slug} --flagged",
    )  # fmt: skip


def _check_messages(connection: Connection, event: Event) -> Iterator[PreflightItem]:
    yield make_item(
        "failed messages", _WARNING,
        preflight_queries.find_failed_deliveries(connection, event.id),
        f"ticketing deliveries resend --failed --event {event.slug}",
    )  # fmt: skip
    yield make_item(
        "undelivered tickets", _WARNING,
        preflight_queries.find_undelivered_tickets(connection, event.id),
        f"ticketing campaigns plan --event {event.slug}",
    )  # fmt: skip


def _check_worker(connection: Connection) -> PreflightItem:
    absent = not notify.is_worker_running(connection)
    found = Found(int(absent), ["no worker is running"])
    return make_item("worker", _WARNING, found, "ticketing worker")
