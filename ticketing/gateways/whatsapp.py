"""The door to WhatsApp, whoever is behind it: whatsapp_cloud, whatsapp_waha, whatsapp_fonnte."""

import re
from typing import Protocol

from ticketing.domain.messages import Attachment, Cause, ChatMessage, Declined, Outcome

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class WhatsApp(Protocol):
    """Sends to one number at a time. No vendor knows an idempotency key: claim before sending."""

    largest_attachment: int  # bytes

    def send(self, to: str, message: ChatMessage, *, reference: str) -> Outcome:
        """Send to a number in E.164 form; never raises for what a vendor or a network does.

        `reference` is our own name of the message, handed back with reports where a vendor can.
        """


def refused_here(to: str, attachment: Attachment | None, largest: int) -> Declined | None:
    """Why there is no use in asking the vendor; None when there is."""
    if not _E164.fullmatch(to):
        return Declined("the number is not in E.164 form", "number")
    if attachment and len(attachment.content) > largest:
        size = f"{len(attachment.content):,} bytes; at most {largest:,} may be sent"
        return Declined(f"{attachment.name} has {size}", "attachment", Cause.MESSAGE)
    return None
