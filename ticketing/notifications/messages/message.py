"""Messages to people in our own words, and what a vendor can answer when given one.

What becomes of a message over time is in deliveries.py; texts are written in documents/messages.py.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/pdf"

    @property
    def sha256(self) -> str:
        """The name of these bytes, whatever the file is called."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ApprovedTemplate:
    """A text that Meta has approved, and what fills its places, in their order."""

    name: str
    language: str
    parameters: tuple[str, ...] = field(default=(), repr=False)
    button_url_suffix: str = field(
        default="", repr=False
    )  # completes the address behind the first button


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One WhatsApp message: the text as it is read, and the template Meta wants in its place.

    Without a template, Meta delivers only within 24 hours of the recipient's own last message.
    """

    text: str = field(repr=False)
    template: ApprovedTemplate | None = None
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail's content. `unsubscribe_url` is for what nobody asked for; a ticket was paid for."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    unsubscribe_url: str = field(default="", repr=False)


class FailureScope(StrEnum):
    """Why a message will never arrive this way."""

    RECIPIENT = "recipient"  # nobody is there; another channel may reach them
    OPTED_OUT = "opted out"  # they do not want it; no channel must be tried for such messages
    MESSAGE = "message"  # our own mistake: the same would happen to the next recipient
    OBSOLETE = "subject"  # there is nothing to tell any more, by any channel


class PauseScope(StrEnum):
    """What has to wait together with the message."""

    MESSAGE = "message"
    SENDER = "sender"  # everything by this number or address, until the time is over
    CHANNEL = "channel"  # everything, until a person has acted: a key, a ban, an empty quota


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has taken responsibility. It has not been delivered by that."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """It was not sent and never will be."""

    reason: str
    code: str = ""
    scope: FailureScope = FailureScope.RECIPIENT

    @property
    def can_fall_back(self) -> bool:
        """Whether another channel may be tried."""
        return self.scope not in {FailureScope.OPTED_OUT, FailureScope.OBSOLETE}


@dataclass(frozen=True, slots=True)
class Deferred:
    """It was not sent; trying again can help. `after` is the vendor's own word, if it gave one."""

    reason: str
    code: str = ""
    retry_after: timedelta | None = None
    pause_scope: PauseScope = PauseScope.MESSAGE


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Nobody can tell whether it was sent: the answer was lost, not the message."""

    reason: str


SendOutcome = Accepted | Rejected | Deferred | Unconfirmed
