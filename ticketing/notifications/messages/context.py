"""What messages are written with, and what they are before it is known how a channel says them."""

from dataclasses import dataclass

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.notifications.messages.message import Attachment, FailureScope, Rejected
from ticketing.notifications.messages.template_samples import TemplateValue
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.tickets.order_ticket_queries import OrderTicketFile


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """What a message is to say."""

    text: str  # its name
    facts: dict[str, TemplateValue]
    attached: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What messages are written with."""

    messages: MessageTemplates
    folder: DocumentFolder
    keys: KeyRing
    public_url: str = ""  # empty: nobody can follow a link to us
    organiser: str = ""  # empty: the event's name signs
    largest_files: int = 7_000_000  # bytes; on the wire they grow by a third

    def holder_link(self, file: OrderTicketFile) -> str:
        """The ticket's own page; empty without a public address."""
        if not self.public_url:
            return ""
        return f"{self.public_url.rstrip('/')}/t/{self.keys.magic_link(file.token_id)}"

    def shop_link(self, event: Event) -> str:
        """Where the event's tickets are sold; empty without a public address."""
        return f"{self.public_url.rstrip('/')}/events/{event.slug}" if self.public_url else ""


def reject_message(reason: str) -> Rejected:
    """There is nothing to say, by any channel, until somebody has mended something."""
    return Rejected(reason, "message", FailureScope.SUBJECT)


def event_variables(desk: MessageContext, event: Event) -> dict[str, TemplateValue]:
    """What every message about an event is told."""
    return {
        "timeZone": event.time_zone,
        "organiser": desk.organiser or event.name,
        "url": desk.shop_link(event),
        "eventName": event.name,
    }
