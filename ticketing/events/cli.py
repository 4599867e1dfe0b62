"""`ticketing events`: create, update, list."""

from datetime import datetime
from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, open_application
from ticketing.platform.cli.options import TIME_FORMATS, JsonOption
from ticketing.platform.cli.output import format_time, print_list, print_result

app = typer.Typer(no_args_is_help=True)

SlugArgument = Annotated[
    str, typer.Argument(help="Lower-case letters, digits and hyphens: wisuda-2026.")
]
NAME = typer.Option("--name", help="Name, as printed on the ticket.")
VENUE = typer.Option("--venue", help="Venue, as printed on the ticket.")
STARTS = typer.Option("--starts", formats=TIME_FORMATS, help="Start, in the venue's time.")
ENDS = typer.Option(
    "--ends", formats=TIME_FORMATS, help="End, in the venue's time; 4 hours after the start if new."
)
ZONE = typer.Option("--zone", help="IANA time zone of the venue.")
LOCALE = typer.Option("--locale", help="Language of the ticket.")
REGION = typer.Option("--region", help="Country of phone numbers without a country code.")
TEMPLATE = typer.Option("--template", help="Folder name of the ticket template.")
NAMES_REQUIRED = typer.Option(
    "--guest-names-required/--guest-names-optional",
    help="Whether buyers must name the guest of every place before they pay.",
)
CHANGES_UNTIL = typer.Option(
    "--guest-changes-until",
    formats=TIME_FORMATS,
    help="Until when buyers may change names, in the venue's time; default: the start.",
)
RENEW_CODE = typer.Option(
    "--transfer-renews-code/--transfer-keeps-code",
    help="Whether a ticket gets a new QR code when its place gets another name.",
)
QUESTIONS = typer.Option(
    "--guest-question", help="Question for the guest of each place; repeat it for several."
)
STRICT = typer.Option(
    "--strict-contacts/--lenient-contacts",
    help="Reject rows of a roster with an unusable address or number, even if they have an id.",
)

HOLD = typer.Option(
    "--hold-minutes",
    help="How long an order with a buyer holds its places until it is paid, 5 to 1440; 60 if new.",
)
BUYER_NOTICES = typer.Option(
    "--buyer-notices",
    help="How buyers hear of placed, paid, expired and refunded orders: mail, whatsapp, both, or"
    " none (only tickets, vouchers and refunds).",
)
LATE_PAYMENTS = typer.Option(
    "--late-payments",
    help="Money for an expired order: accept (if places are left, else staff decide), refund (if"
    " none are left, and for a cancelled order), or review (staff decide).",
)

WAITING_LIST_HOURS = typer.Option(
    "--waiting-list-hours", help="Hours that an offer to the waiting list holds its places."
)
PAYMENT_RULE = typer.Option(
    "--payment-rule",
    help="Payments that the records of the billing system must show before a guest of a roster gets"
    " a ticket: none, no-arrears, bills:CODE,CODE…, or paid-by:YYYY-MM-DD.",
)


@app.command("create")
def create_event(  # noqa: PLR0913 - one parameter per option
    slug: SlugArgument,
    *,
    name: Annotated[str, NAME],
    starts: Annotated[datetime, STARTS],
    venue: Annotated[str, VENUE],
    ends: Annotated[datetime | None, ENDS] = None,
    zone: Annotated[str, ZONE] = "Asia/Jakarta",
    locale: Annotated[str, LOCALE] = "id",
    region: Annotated[str, REGION] = "ID",
    template: Annotated[str, TEMPLATE] = "classic",
    names_required: Annotated[bool, NAMES_REQUIRED] = False,
    changes_until: Annotated[datetime | None, CHANGES_UNTIL] = None,
    renew_code: Annotated[bool, RENEW_CODE] = False,
    questions: Annotated[list[str] | None, QUESTIONS] = None,
    strict_contacts: Annotated[bool, STRICT] = False,
    hold_minutes: Annotated[int | None, HOLD] = None,
    buyer_notices: Annotated[str, BUYER_NOTICES] = "mail",
    late_payments: Annotated[str, LATE_PAYMENTS] = "accept",
    waiting_list_hours: Annotated[int, WAITING_LIST_HOURS] = 24,
    payment_rule: Annotated[str, PAYMENT_RULE] = "none",
    as_json: JsonOption = False,
) -> None:
    """Create an event.

    Running it again with the same values changes nothing; other values are refused. A template
    whose sample ticket cannot be used is refused with file, line and reason.
    """
    from ticketing.events.model import DEFAULT_HOLD_MINUTES, NewEvent
    from ticketing.events.payment_rule import parse_payment_rule
    from ticketing.events.service import add_event, parse_zone, to_instants
    from ticketing.events.template_check import EventTemplateCheck
    from ticketing.platform.kernel.wall_clock import to_instant

    first, last = to_instants(starts, ends, zone)
    venue_zone, field = parse_zone(zone), "guest-changes-until"
    until = to_instant(changes_until, venue_zone, field=field) if changes_until else None
    with open_application() as application:
        event = add_event(
            application.database,
            NewEvent(
                slug,
                name,
                first,
                last,
                zone,
                locale,
                venue,
                region,
                template,
                guest_names_required=names_required,
                guest_changes_until=until,
                transfer_renews_code=renew_code,
                guest_questions="\n".join(questions or ()),
                strict_contacts=strict_contacts,
                hold_minutes=DEFAULT_HOLD_MINUTES if hold_minutes is None else hold_minutes,
                buyer_notices=buyer_notices,
                late_payments=late_payments,
                waiting_list_hours=waiting_list_hours,
                payment_rule=str(parse_payment_rule(payment_rule)),
            ),
            by=actor(),
            require_template=application.get(EventTemplateCheck).require_usable,
        )
    line = f"Created event {event.slug} (id {event.id}): {event.name}, {event.venue}."
    print_result(event, line, as_json=as_json)


@app.command("update")
def update_event(  # noqa: PLR0913 - one parameter per option
    slug: SlugArgument,
    *,
    name: Annotated[str | None, NAME] = None,
    starts: Annotated[datetime | None, STARTS] = None,
    venue: Annotated[str | None, VENUE] = None,
    ends: Annotated[datetime | None, ENDS] = None,
    zone: Annotated[str | None, ZONE] = None,
    locale: Annotated[str | None, LOCALE] = None,
    region: Annotated[str | None, REGION] = None,
    template: Annotated[str | None, TEMPLATE] = None,
    names_required: Annotated[bool | None, NAMES_REQUIRED] = None,
    changes_until: Annotated[datetime | None, CHANGES_UNTIL] = None,
    renew_code: Annotated[bool | None, RENEW_CODE] = None,
    questions: Annotated[list[str] | None, QUESTIONS] = None,
    strict_contacts: Annotated[bool | None, STRICT] = None,
    hold_minutes: Annotated[int | None, HOLD] = None,
    buyer_notices: Annotated[str | None, BUYER_NOTICES] = None,
    late_payments: Annotated[str | None, LATE_PAYMENTS] = None,
    waiting_list_hours: Annotated[int | None, WAITING_LIST_HOURS] = None,
    payment_rule: Annotated[str | None, PAYMENT_RULE] = None,
    as_json: JsonOption = False,
) -> None:
    """Change an event; omitted options stay unchanged.

    Tickets keep their codes. PDFs that show the change become stale.
    """
    from ticketing.events.payment_rule import parse_payment_rule
    from ticketing.events.queries import get_event
    from ticketing.events.service import change_event, parse_zone
    from ticketing.events.template_check import EventTemplateCheck
    from ticketing.platform.kernel.wall_clock import to_instant

    with open_application() as application:
        venue_zone = parse_zone(zone or get_event(application.database, slug).time_zone)
        first = to_instant(starts, venue_zone, field="starts") if starts else None
        last = to_instant(ends, venue_zone, field="ends") if ends else None
        field = "guest-changes-until"
        until = to_instant(changes_until, venue_zone, field=field) if changes_until else None
        event = change_event(
            application.database,
            slug,
            {"name": name, "venue": venue, "starts_at": first, "ends_at": last, "time_zone": zone,
             "locale": locale, "region": region, "template_id": template,
             "guest_names_required": names_required, "guest_changes_until": until,
             "transfer_renews_code": renew_code,
             "guest_questions": "\n".join(filter(None, questions)) if questions else None,
             "strict_contacts": strict_contacts, "hold_minutes": hold_minutes,
             "buyer_notices": buyer_notices, "late_payments": late_payments,
             "waiting_list_hours": waiting_list_hours,
             "payment_rule": payment_rule and str(parse_payment_rule(payment_rule))},
            by=actor(),
            require_template=application.get(EventTemplateCheck).require_usable,
        )  # fmt: skip
    next_step = f"To render PDFs that show the change: ticketing generate-tickets -e {event.slug}"
    print_result(event, f"Updated event {event.slug}.", next_step, as_json=as_json)


@app.command("list")
def list_events(*, as_json: JsonOption = False) -> None:
    """List all events, the next one first."""
    from zoneinfo import ZoneInfo

    from ticketing.events import queries as event_queries

    with open_application() as application:
        events = application.database.run(event_queries.list_events)
    print_list(
        events,
        {
            "id": lambda event: str(event.id),
            "slug": lambda event: event.slug,
            "name": lambda event: event.name,
            "starts": lambda event: format_time(event.starts_at, ZoneInfo(event.time_zone)),
            "venue": lambda event: event.venue,
        },
        as_json=as_json,
        empty="No events.",
    )
