"""What a message of the outbox says: facts as they are when it is sent, in the event's language.

Texts are in templates/messages; which of them a purpose is told by stands here.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.claim_queries import Claimed
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.compose_organiser import (
    HOUSE_LANGUAGE,
    batch_message,
    blast_message,
    export_message,
    house_message,
)
from ticketing.notifications.messages.compose_vouchers import voucher_message
from ticketing.notifications.messages.context import Desk, Draft, event_facts, wrong
from ticketing.notifications.messages.message import (
    Attachment,
    Cause,
    ChatMessage,
    Declined,
    Later,
    Mail,
)
from ticketing.notifications.messages.template_samples import Fact
from ticketing.notifications.messages.templates import language_of
from ticketing.orders import flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Flag, Order
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused, TemplateBroken
from ticketing.platform.kernel.money import Rupiah
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.order_ticket_queries import OrderFile

Told = tuple[str, dict[str, Fact]]  # the text's name, and its facts
Written = Mail | ChatMessage | Declined | Later
NO_LIMIT = "∞"


def message_of(database: Database, desk: Desk, claimed: Claimed) -> Written:
    """What its channel is given, or why there is nothing; what must be mended first says so."""
    try:
        with database.transaction() as connection:
            language, draft = _drafted(connection, desk, claimed)
    except Refused as refusal:
        return wrong(str(refusal))
    return _spoken(desk, language, draft, claimed.channel) if isinstance(draft, Draft) else draft


def _drafted(
    connection: Connection, desk: Desk, claimed: Claimed
) -> tuple[str, Draft | Declined | Later]:
    if claimed.event_slug is None:
        return HOUSE_LANGUAGE, house_message(desk, claimed)
    event = event_queries.get(connection, claimed.event_slug)
    write = _BY_PURPOSE.get(claimed.purpose, _notice)
    return language_of(event.locale), write(connection, desk, event, claimed)


def _spoken(desk: Desk, language: str, draft: Draft, channel: Channel) -> Written:
    messages = desk.messages
    try:
        if channel is Channel.MAIL:
            return messages.mail(draft.text, language, draft.facts, attachments=draft.attached)
        file = draft.attached[0] if draft.attached else None
        return messages.chat(draft.text, language, draft.facts, attachment=file)
    except TemplateBroken as error:
        return Declined(str(error), "text", Cause.MESSAGE)


def _order_tickets(
    connection: Connection, desk: Desk, event: Event, claimed: Claimed
) -> Draft | Declined | Later:
    order = order_queries.by_code(connection, claimed.subject)
    files = order_ticket_queries.of_order(connection, order.id)
    if not files:
        return wrong(f"order {order.code} has no tickets any more")
    # WhatsApp carries one file: an order's tickets are links there
    attached = _attached(desk, files) if claimed.channel is Channel.MAIL else ()
    if not isinstance(attached, tuple):
        return attached
    links = [desk.holder_link(file) for file in files]
    tickets = [
        f"{file.ticket_type}, {file.ticket_code}" + (f": {link}" if link else "")
        for file, link in zip(files, links, strict=True)
    ]
    facts = _of_order(desk, event, order) | _occasion(event)
    facts |= {"tickets": tickets, "attached": [each.name for each in attached], "url": links[0]}
    return Draft("order_tickets", facts, attached)


def _guest_ticket(
    connection: Connection, desk: Desk, event: Event, claimed: Claimed
) -> Draft | Declined | Later:
    if campaign_queries.has_opted_out(connection, claimed.address):
        return Declined("they want no such messages", "opted out", Cause.OPTED_OUT)
    found = campaign_queries.named(connection, claimed.subject)
    if found is None:
        return wrong(f"ticket {claimed.subject} is not valid any more")
    name, file = found
    attached = _attached(desk, [file])
    if not isinstance(attached, tuple):
        return attached
    facts = event_facts(desk, event) | _occasion(event)
    facts |= {"name": name, "ticketType": file.ticket_type, "ticketCode": file.ticket_code}
    facts |= {"url": desk.holder_link(file)}
    return Draft("ticket_ready", facts, attached)


def _attached(desk: Desk, files: list[OrderFile]) -> tuple[Attachment, ...] | Declined | Later:
    """All of them, none if they are too large; half of an order's would be worse than either."""
    paths = [file.path for file in files if file.path is not None]
    missing = Later("a PDF is not in the document folder", "document")
    if len(paths) < len(files):
        return missing
    try:
        found = tuple(Attachment(PurePath(path).name, desk.folder.read(path)) for path in paths)
    except FileNotFoundError:
        return missing
    if sum(len(each.content) for each in found) <= desk.largest_files:
        return found
    if desk.public_url:
        return ()
    return wrong(f"{len(files)} PDFs are too much for a mail; set WEB_PUBLIC_URL")


def _notice(connection: Connection, desk: Desk, event: Event, claimed: Claimed) -> Draft:
    order = order_queries.by_code(connection, str(claimed.payload["order"]))
    write = _NOTICES.get(claimed.purpose, _asks)
    name, facts = write(connection, event, order, claimed)
    return Draft(name, _of_order(desk, event, order) | facts)


def _of_order(desk: Desk, event: Event, order: Order) -> dict[str, Fact]:
    name = order.buyer.name if order.buyer else ""
    return event_facts(desk, event) | {"name": name, "orderCode": order.code}


def _occasion(event: Event) -> dict[str, Fact]:
    return {"startsAt": event.starts_at, "endsAt": event.ends_at, "location": event.venue}


def _asks(connection: Connection, event: Event, order: Order, claimed: Claimed) -> Told:
    """What a flag at an order asks; of another purpose nothing is known."""
    flag = claimed.purpose.removeprefix("order.")
    if flag not in list(Flag):
        raise Refused(f"nobody has written a text for {claimed.purpose}")
    question = _question(connection, event, order, Flag(flag))
    return "organiser_question", {"question": question, "url": ""}


def _question(connection: Connection, event: Event, order: Order, flag: Flag) -> str:
    for raised in flag_queries.still_open(connection, event.id):
        if (raised.order_code, raised.flag) == (order.code, flag):
            return f"{flag}: {raised.message}"
    return f"{flag}: settled meanwhile"


def _refunded(_: Connection, __: Event, ___: Order, claimed: Claimed) -> Told:
    reason = str(claimed.payload["reason"]) or "-"
    return "order_refunded", {"refunded": Rupiah(claimed.payload["amount"]), "reason": reason}


def _called_off(_: Connection, event: Event, __: Order, ___: Claimed) -> Told:
    return "event_cancelled", _occasion(event)


def _reversed(_: Connection, __: Event, ___: Order, ____: Claimed) -> Told:
    return "order_reversed", {}


def _part_due(_: Connection, __: Event, ___: Order, claimed: Claimed) -> Told:
    said = claimed.payload
    due_at = datetime.fromisoformat(said["due"])
    return "order_part_due", {
        "part": said["part"], "amount": Rupiah(said["amount"]), "dueAt": due_at,
    }  # fmt: skip


def _parts_kept(_: Connection, __: Event, ___: Order, claimed: Claimed) -> Told:
    return "order_parts_kept", {"kept": Rupiah(claimed.payload["kept"])}


def _sold(connection: Connection, event: Event, order: Order, _: Claimed) -> Told:
    stocks = [each.stock for each in ticket_type_queries.of(connection, event.id) if each.on_sale]
    free = [stock.available for stock in stocks if stock.available is not None]
    left: Fact = sum(free) if len(free) == len(stocks) else NO_LIMIT
    places = sum(line.quantity for line in order_queries.lines_of(connection, order.id))
    facts: dict[str, Fact] = {"total": order.total, "places": places, "url": ""}
    return "organiser_notice", facts | {"sold": sum(each.sold for each in stocks), "left": left}


def _to_transfer(_: Connection, __: Event, order: Order, claimed: Claimed) -> Told:
    amount = Rupiah(claimed.payload["amount"])
    question = f"transfer {amount} by hand, then `ticketing refund done {order.code}`"
    return "organiser_question", {"question": question, "url": ""}


_NOTICES: dict[str, Callable[[Connection, Event, Order, Claimed], Told]] = {
    "order.refund": _refunded,
    "event.cancelled.refund": _refunded,
    "event.cancelled": _called_off,
    "order.reversed": _reversed,
    outbox.PART_DUE: _part_due,
    "order.parts_kept": _parts_kept,
    "order.paid": _sold,
    "refund.to_transfer": _to_transfer,
}

_BY_PURPOSE: dict[str, Callable[[Connection, Desk, Event, Claimed], Draft | Declined | Later]] = {
    outbox.TICKETS: _order_tickets,
    outbox.GUEST_TICKET: _guest_ticket,
    outbox.VOUCHERS: voucher_message,
    outbox.BATCH: batch_message,
    outbox.BLAST: blast_message,
    outbox.EXPORT: export_message,
}
