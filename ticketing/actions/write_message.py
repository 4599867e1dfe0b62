"""What a message of the outbox says: facts as they are when it is sent, in the event's language.

Texts are in templates/messages; which of them a purpose is told by stands here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from sqlalchemy import Connection

from ticketing.documents.folder import DocumentFolder
from ticketing.documents.message_samples import Fact
from ticketing.documents.messages import Messages, language_of
from ticketing.domain.errors import Refused
from ticketing.domain.events import Event
from ticketing.domain.messages import Attachment, Cause, Declined, Later, Mail
from ticketing.domain.money import Rupiah
from ticketing.domain.orders import Flag, Order
from ticketing.signing.keys import KeyRing
from ticketing.store import (
    events,
    guest_tickets,
    order_files,
    order_flags,
    orders,
    outbox,
    sale,
)
from ticketing.store.database import Database
from ticketing.store.deliveries import Claimed
from ticketing.store.order_files import OrderFile

Told = tuple[str, dict[str, Fact]]  # the text's name, and its facts
Written = Mail | Declined | Later
NO_LIMIT = "∞"


@dataclass(frozen=True, slots=True)
class Desk:
    """What messages are written with."""

    messages: Messages
    folder: DocumentFolder
    keys: KeyRing
    public_url: str = ""  # empty: nobody can follow a link to us
    organiser: str = ""  # empty: the event's name signs
    largest_files: int = 7_000_000  # bytes; on the wire they grow by a third

    def holder_link(self, file: OrderFile) -> str:
        """The ticket's own page; empty without a public address."""
        if not self.public_url:
            return ""
        return f"{self.public_url.rstrip('/')}/t/{self.keys.magic_link(file.token_id)}"

    def shop_link(self, event: Event) -> str:
        """Where the event's tickets are sold; empty without a public address."""
        return f"{self.public_url.rstrip('/')}/events/{event.slug}" if self.public_url else ""


def mail_of(database: Database, desk: Desk, claimed: Claimed) -> Written:
    """The mail, or why there is none; what an operator must mend first says so."""
    if claimed.event_slug is None:
        return _wrong(f"a message about {claimed.purpose} belongs to no event")
    write = _BY_PURPOSE.get(claimed.purpose, _notice)
    try:
        with database.transaction() as connection:
            event = events.get(connection, claimed.event_slug)
            return write(connection, desk, event, claimed)
    except Refused as refusal:
        return _wrong(str(refusal))


def _wrong(reason: str) -> Declined:
    return Declined(reason, "message", Cause.MESSAGE)


def _order_tickets(connection: Connection, desk: Desk, event: Event, claimed: Claimed) -> Written:
    order = orders.by_code(connection, claimed.subject)
    files = order_files.of_order(connection, order.id)
    if not files:
        return _wrong(f"order {order.code} has no tickets any more")
    attached = _attached(desk, files)
    if not isinstance(attached, tuple):
        return attached
    links = [desk.holder_link(file) for file in files]
    tickets = [
        f"{file.ticket_type}, {file.ticket_code}" + (f": {link}" if link else "")
        for file, link in zip(files, links, strict=True)
    ]
    facts = _of_order(desk, event, order) | _occasion(event)
    facts |= {"tickets": tickets, "attached": [each.name for each in attached], "url": links[0]}
    language = language_of(event.locale)
    return desk.messages.mail("order_tickets", language, facts, attachments=attached)


def _guest_ticket(connection: Connection, desk: Desk, event: Event, claimed: Claimed) -> Written:
    if guest_tickets.has_opted_out(connection, claimed.address):
        return Declined("they want no such mail", "opted out", Cause.OPTED_OUT)
    found = guest_tickets.named(connection, claimed.subject)
    if found is None:
        return _wrong(f"ticket {claimed.subject} is not valid any more")
    name, file = found
    attached = _attached(desk, [file])
    if not isinstance(attached, tuple):
        return attached
    facts = _of_event(desk, event) | _occasion(event)
    facts |= {"name": name, "ticketType": file.ticket_type, "ticketCode": file.ticket_code}
    facts |= {"url": desk.holder_link(file)}
    language = language_of(event.locale)
    return desk.messages.mail("ticket_ready", language, facts, attachments=attached)


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
    return _wrong(f"{len(files)} PDFs are too much for a mail; set WEB_PUBLIC_URL")


def _notice(connection: Connection, desk: Desk, event: Event, claimed: Claimed) -> Written:
    order = orders.by_code(connection, str(claimed.payload["order"]))
    write = _NOTICES.get(claimed.purpose, _asks)
    name, facts = write(connection, event, order, claimed)
    facts = _of_order(desk, event, order) | facts
    return desk.messages.mail(name, language_of(event.locale), facts)


def _of_event(desk: Desk, event: Event) -> dict[str, Fact]:
    return {
        "timeZone": event.time_zone,
        "organiser": desk.organiser or event.name,
        "url": desk.shop_link(event),
        "eventName": event.name,
    }


def _of_order(desk: Desk, event: Event, order: Order) -> dict[str, Fact]:
    name = order.buyer.name if order.buyer else ""
    return _of_event(desk, event) | {"name": name, "orderCode": order.code}


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
    for raised in order_flags.still_open(connection, event.id):
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
    stocks = [each.stock for each in sale.of(connection, event.id) if each.on_sale]
    free = [stock.available for stock in stocks if stock.available is not None]
    left: Fact = sum(free) if len(free) == len(stocks) else NO_LIMIT
    places = sum(line.quantity for line in orders.lines_of(connection, order.id))
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

_BY_PURPOSE: dict[str, Callable[[Connection, Desk, Event, Claimed], Written]] = {
    outbox.TICKETS: _order_tickets,
    outbox.GUEST_TICKET: _guest_ticket,
}
