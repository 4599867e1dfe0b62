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

    template_name: str  # its name
    variables: dict[str, TemplateValue]
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What messages are written with."""

    templates: MessageTemplates
    document_folder: DocumentFolder
    keys: KeyRing
    public_url: str = ""  # empty: nobody can follow a link to us
    organiser_name: str = ""  # empty: the event's name signs
    max_attachment_bytes: int = 7_000_000  # bytes; on the wire they grow by a third

    def ticket_page_url(self, file: OrderTicketFile) -> str:
        """The ticket's own page; empty without a public address."""
        if not self.public_url:
            return ""
        return f"{self.public_url.rstrip('/')}/t/{self.keys.magic_link(file.token_id)}"

    def shop_page_url(self, event: Event) -> str:
        """Where the event's tickets are sold; empty without a public address."""
        return f"{self.public_url.rstrip('/')}/events/{event.slug}" if self.public_url else ""


def reject_message(reason: str) -> Rejected:
    """There is nothing to say, by any channel, until somebody has mended something."""
    return Rejected(reason, "message", FailureScope.OBSOLETE)


def event_variables(context: MessageContext, event: Event) -> dict[str, TemplateValue]:
    """What every message about an event is told."""
    return {
        "timeZone": event.time_zone,
        "organiser": context.organiser_name or event.name,
        "url": context.shop_page_url(event),
        "eventName": event.name,
    }
