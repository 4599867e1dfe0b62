"""What a template may name: the variables of one ticket, all of them texts."""

from ticketing.documents.dates import locale_named, spoken_date, spoken_instant, spoken_time
from ticketing.documents.text import printable
from ticketing.domain.tickets import PrintedTicket

RIGHT_TO_LEFT = "right-to-left"


def printed_texts(ticket: PrintedTicket) -> dict[str, str]:
    """The texts of a ticket that come from people, ready to print, by the template's names."""
    first, last = printable(ticket.first_name), printable(ticket.last_name)
    return {
        "eventName": printable(ticket.event_name),
        "location": printable(ticket.venue),
        "firstName": first,
        "lastName": last,
        "fullName": printable(ticket.full_name) or f"{first} {last}".strip(),
        "email": printable(ticket.email),
        "ticketType": printable(ticket.ticket_type),
        "seat": printable(ticket.seat),
        "ticketCode": ticket.ticket_code,
        **dated_texts(ticket),
    }


def dated_texts(ticket: PrintedTicket) -> dict[str, str]:
    """The texts that depend on the event's clock, calendar and language."""
    clock = (ticket.starts_at, ticket.ends_at, ticket.time_zone, ticket.locale)
    return {
        "eventDate": spoken_date(*clock),
        "eventTime": spoken_time(*clock),
        "generatedAt": spoken_instant(ticket.issued_at, ticket.time_zone, ticket.locale),
    }


def language_texts(ticket: PrintedTicket) -> dict[str, str]:
    """What a template needs to choose words and the side where lines begin."""
    locale = locale_named(ticket.locale)
    return {
        "language": locale.language,
        "languageTag": str(locale).replace("_", "-"),
        "direction": "rtl" if locale.character_order == RIGHT_TO_LEFT else "ltr",
    }
