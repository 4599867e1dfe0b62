"""Classification of SMTP replies by the command they answer.

Enhanced codes (RFC 3463) are more precise than the three digits and take precedence.
"""

import re
from dataclasses import dataclass

from ticketing.notifications.messages.message import Deferred, FailureScope, PauseScope, Rejected

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESSES = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")
_LONGEST_REASON = 160
_AUTHENTICATION = {"530", "534", "535", "538"}
_TOO_LARGE = {"552", "5.3.4", "5.2.3"}
_MAILBOX_FULL = "5.2.2"  # usually temporary, so it is retried


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A reply code and its text."""

    code: int
    text: str

    @classmethod
    def from_smtplib(cls, code: int, text: bytes) -> "SmtpReply":
        """Return the reply from smtplib's values."""
        return cls(code, " ".join(text.decode("utf-8", "replace").split()))

    @property
    def is_positive(self) -> bool:
        """Return whether the command succeeded or the server waits for more."""
        return 200 <= self.code < 400  # noqa: PLR2004 - SMTP's ranges

    @property
    def closes_connection(self) -> bool:
        """Return whether the server closes the connection."""
        return self.code == 421  # noqa: PLR2004 - SMTP's number

    @property
    def enhanced_code(self) -> str:
        """The enhanced code, such as 5.1.1, or an empty string."""
        found = _ENHANCED.match(self.text)
        return found[0] if found else ""

    @property
    def codes(self) -> set[str]:
        """Both codes."""
        return {str(self.code), self.enhanced_code}

    @property
    def error_code(self) -> str:
        """The most precise code."""
        return self.enhanced_code or str(self.code)

    @property
    def reason(self) -> str:
        """The server's text without addresses, which servers often repeat."""
        return f"{self.code} {_ADDRESSES.sub('<address>', self.text)}"[:_LONGEST_REASON]

    @property
    def is_permanent(self) -> bool:
        """Return whether a later attempt would fail as well."""
        digit = self.enhanced_code[:1] or str(self.code)[:1]
        return digit == "5" and self.enhanced_code != _MAILBOX_FULL


def classify_connect_reply(reply: SmtpReply) -> Deferred:
    """Classify a reply to greeting, TLS or login; it concerns every message."""
    stops = PauseScope.CHANNEL if reply.is_permanent else PauseScope.SENDER
    return Deferred(f"mail server: {reply.reason}", reply.error_code, pause_scope=stops)


def classify_mail_from_reply(reply: SmtpReply) -> Deferred | Rejected:
    """Classify a reply to MAIL; it concerns the sender or the mail's size."""
    if reply.codes & _TOO_LARGE:
        return Rejected(f"mail server: {reply.reason}", reply.error_code, FailureScope.MESSAGE)
    return classify_connect_reply(reply)


def classify_rcpt_to_reply(reply: SmtpReply) -> Deferred | Rejected:
    """Classify a reply to RCPT; it concerns the address or the sender."""
    is_policy = reply.enhanced_code.startswith("5.7.")
    return _classify(reply, FailureScope.MESSAGE if is_policy else FailureScope.RECIPIENT)


def classify_data_reply(reply: SmtpReply) -> Deferred | Rejected:
    """Classify a reply to DATA, before or after the content."""
    is_address = reply.enhanced_code.startswith("5.1.")
    return _classify(reply, FailureScope.RECIPIENT if is_address else FailureScope.MESSAGE)


def _classify(reply: SmtpReply, scope: FailureScope) -> Deferred | Rejected:
    if reply.codes & _AUTHENTICATION or reply.closes_connection:
        return classify_connect_reply(reply)
    if not reply.is_permanent:
        return Deferred(f"mail server: {reply.reason}", reply.error_code)
    return Rejected(f"mail server: {reply.reason}", reply.error_code, scope)
