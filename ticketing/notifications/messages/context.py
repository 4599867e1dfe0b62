"""Dependencies of message composition, and drafts that are independent of the channel."""

from dataclasses import dataclass

from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import make_order_link
from ticketing.events.model import Event
from ticketing.notifications.messages.message import Attachment, FailureScope, Rejected
from ticketing.notifications.messages.template_samples import TemplateValue
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.orders.order import Order
from ticketing.platform.kernel.csv_writer import DELIMITER
from ticketing.tickets.order_ticket_queries import OrderTicketFile
from ticketing.tickets.rendering.document_reader import DocumentReader


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """Template, variables and attachments of a message."""

    template_name: str  # its name
    variables: dict[str, TemplateValue]
    attachments: tuple[Attachment, ...] = ()
    locale: str = ""  # of the recipient; empty is that of the event


@dataclass(frozen=True, slots=True)
class MessageContext:
    """Templates, documents, keys and settings for composing messages."""

    templates: MessageTemplates
    documents: DocumentReader
    keys: KeyRing
    public_url: str = ""  # empty: messages have no links
    organiser_name: str = ""  # empty: the event's name is used
    max_attachment_bytes: int = 7_000_000  # base64 adds a third
    csv_delimiter: str = DELIMITER

    def ticket_page_url(self, file: OrderTicketFile) -> str:
        """Return the link to the ticket page; empty without a public base URL."""
        if not self.public_url:
            return ""
        return f"{self.public_url.rstrip('/')}/t/{self.keys.magic_link(file.token_id)}"

    def order_page_url(self, order: Order) -> str:
        """Return the buyer's link to the order; empty without a public base URL."""
        if not self.public_url:
            return ""
        link = make_order_link(self.keys, order.id, order.buyer_contacts)
        return f"{self.public_url.rstrip('/')}/orders/{link}"

    def waiting_entry_url(self, token: str) -> str:
        """Return the link to an entry of a waiting list; empty without a public base URL."""
        return f"{self.public_url.rstrip('/')}/waiting-list/{token}" if self.public_url else ""

    def console_url(self, path: str) -> str:
        """Return the link to a page of the console; empty without a public base URL."""
        return self.page_url(f"/console{path}")

    def page_url(self, path: str) -> str:
        """Return the link to a page of staff; empty without a public base URL."""
        return f"{self.public_url.rstrip('/')}{path}" if self.public_url else ""

    def shop_page_url(self, event: Event) -> str:
        """Return the link to the event's shop page; empty without a public base URL."""
        return f"{self.public_url.rstrip('/')}/events/{event.slug}" if self.public_url else ""


def reject_message(reason: str) -> Rejected:
    """Return a rejection that no channel can change."""
    return Rejected(reason, "message", FailureScope.OBSOLETE)


def drop_overtaken(reason: str) -> Rejected:
    """Return a rejection of a message whose subject has changed since; it needs no attention."""
    return Rejected(reason, "message", FailureScope.OVERTAKEN)


def schedule_variables(event: Event) -> dict[str, TemplateValue]:
    """Return when and where an event is."""
    return {"startsAt": event.starts_at, "endsAt": event.ends_at, "location": event.venue}


def event_variables(context: MessageContext, event: Event) -> dict[str, TemplateValue]:
    """Return the variables of every message about an event."""
    return {
        "timeZone": event.time_zone,
        "organiser": context.organiser_name or event.name,
        "url": context.shop_page_url(event),
        "eventName": event.name,
    }
