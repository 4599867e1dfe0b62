"""What an SMTP server's reply means, by where in the conversation it comes.

Enhanced codes (RFC 3463) say more than the three digits and win over them.
"""

import re
from dataclasses import dataclass

from ticketing.notifications.messages.message import Deferred, FailureScope, PauseScope, Rejected

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESSES = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")
_LONGEST_REASON = 160
_AUTHENTICATION = {"530", "534", "535", "538"}
_TOO_LARGE = {"552", "5.3.4", "5.2.3"}
_MAILBOX_FULL = "5.2.2"  # people empty it within a day, so it is tried again


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A code and a sentence."""

    code: int
    text: str

    @classmethod
    def from_smtplib(cls, code: int, text: bytes) -> "SmtpReply":
        """As smtplib gives it."""
        return cls(code, " ".join(text.decode("utf-8", "replace").split()))

    @property
    def is_positive(self) -> bool:
        """Whether the server did what was asked, or waits for the rest of it."""
        return 200 <= self.code < 400  # noqa: PLR2004 - SMTP's own lines

    @property
    def closes_connection(self) -> bool:
        """Whether the server has had enough of this connection."""
        return self.code == 421  # noqa: PLR2004 - SMTP's number

    @property
    def enhanced_code(self) -> str:
        """Such as 5.1.1; empty when there is none."""
        found = _ENHANCED.match(self.text)
        return found[0] if found else ""

    @property
    def codes(self) -> set[str]:
        """Both."""
        return {str(self.code), self.enhanced_code}

    @property
    def error_code(self) -> str:
        """The code to remember."""
        return self.enhanced_code or str(self.code)

    @property
    def reason(self) -> str:
        """The server's words, without the addresses that it likes to repeat."""
        return f"{self.code} {_ADDRESSES.sub('<address>', self.text)}"[:_LONGEST_REASON]

    @property
    def is_permanent(self) -> bool:
        """Whether the same would be said tomorrow."""
        digit = self.enhanced_code[:1] or str(self.code)[:1]
        return digit == "5" and self.enhanced_code != _MAILBOX_FULL


def classify_connect_reply(reply: SmtpReply) -> Deferred:
    """Before any mail: greeting, TLS, login. No message is to blame."""
    stops = PauseScope.CHANNEL if reply.is_permanent else PauseScope.SENDER
    return Deferred(f"mail server: {reply.reason}", reply.error_code, pause_scope=stops)


def classify_mail_from_reply(reply: SmtpReply) -> Deferred | Rejected:
    """To MAIL: what is wrong is wrong with us, or with the mail's size."""
    if reply.codes & _TOO_LARGE:
        return Rejected(f"mail server: {reply.reason}", reply.error_code, FailureScope.MESSAGE)
    return classify_connect_reply(reply)


def classify_rcpt_to_reply(reply: SmtpReply) -> Deferred | Rejected:
    """To RCPT: about this address, unless it is about us."""
    if reply.codes & _AUTHENTICATION or reply.closes_connection:
        return classify_connect_reply(reply)
    if not reply.is_permanent:
        return Deferred(f"mail server: {reply.reason}", reply.error_code)
    cause = (
        FailureScope.MESSAGE if reply.enhanced_code.startswith("5.7.") else FailureScope.RECIPIENT
    )
    return Rejected(f"mail server: {reply.reason}", reply.error_code, cause)


def classify_data_reply(reply: SmtpReply) -> Deferred | Rejected:
    """To DATA, before or after the content."""
    if reply.codes & _AUTHENTICATION or reply.closes_connection:
        return classify_connect_reply(reply)
    if not reply.is_permanent:
        return Deferred(f"mail server: {reply.reason}", reply.error_code)
    cause = (
        FailureScope.RECIPIENT if reply.enhanced_code.startswith("5.1.") else FailureScope.MESSAGE
    )
    return Rejected(f"mail server: {reply.reason}", reply.error_code, cause)
