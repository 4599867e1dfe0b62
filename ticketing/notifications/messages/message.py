"""Messages independent of a provider, and what a provider says about one.

States of a delivery are in `notifications/delivery.py`, texts in `templates.py`.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a message."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/pdf"

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ApprovedTemplate:
    """A template approved by Meta, with its parameters in order."""

    name: str
    language: str
    parameters: tuple[str, ...] = field(default=(), repr=False)
    button_url_suffix: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A WhatsApp message: its text, and the template that Meta requires instead.

    Without a template, Meta delivers only within 24 hours of the recipient's own last message.
    """

    text: str = field(repr=False)
    template: ApprovedTemplate | None = None
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """Content of a mail. `unsubscribe_url` is for campaigns only."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    unsubscribe_url: str = field(default="", repr=False)


class FailureScope(StrEnum):
    """Reason why a message will never arrive by this channel."""

    RECIPIENT = "recipient"  # unreachable here; another channel may work
    OPTED_OUT = "opted out"  # no channel may be tried for such messages
    MESSAGE = "message"  # our error, which would repeat with the next recipient
    OBSOLETE = "subject"  # the message has become pointless on any channel
    UNACKNOWLEDGED = "unacknowledged"  # accepted, but never known to have left
    OVERTAKEN = "overtaken"  # the same, because what it says is no longer true: nobody has to act


class PauseScope(StrEnum):
    """Scope of a pause that follows a failure."""

    MESSAGE = "message"
    SENDER = "sender"  # everything by this number or address, for some time
    CHANNEL = "channel"  # everything, until staff act: a key, a ban, an empty quota


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider accepted the message; it is not yet delivered."""

    provider_id: str
    template: str = field(default="", compare=False)  # name/language of the one that was used


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message was not sent and never will be."""

    reason: str
    code: str = ""
    scope: FailureScope = FailureScope.RECIPIENT

    @property
    def can_fall_back(self) -> bool:
        """Return whether another channel may be tried."""
        return self.scope not in {
            FailureScope.OPTED_OUT,
            FailureScope.OBSOLETE,
            FailureScope.OVERTAKEN,
        }


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not sent; a retry can help. `retry_after` is the delay requested by the provider, if any."""

    reason: str
    code: str = ""
    retry_after: timedelta | None = None
    pause_scope: PauseScope = PauseScope.MESSAGE
    template: str = ""  # name/language, if the provider refuses this template only


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It is unknown whether the message was sent, because the response was lost."""

    reason: str


SendOutcome = Accepted | Rejected | Deferred | Unconfirmed


class Acknowledgement(StrEnum):
    """State of one message, as reported by a gateway on request."""

    ACKNOWLEDGED = "acknowledged"
    PENDING = "pending"
    NOT_ANSWERED = "not answered"  # the gateway cannot be reached
