"""Parser of the bounces that mail servers send back.

Delivery status notifications (RFC 3464) are read here, because they say status and action. Others,
such as those of qmail and Exim, are texts; the library `flufl.bounce` knows them. Anybody can forge
a bounce: trust it only for a known message that was sent to that recipient.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses
from enum import StrEnum

from flufl.bounce import all_failures

from ticketing.notifications.delivery import DeliveryReceipt, DeliveryState
from ticketing.notifications.messages.message import Rejected

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")
_MESSAGE_ID = re.compile(r"<([^<>@\s]+)@[^<>\s]+>")
_VERP_TAG = re.compile(r"[^+@]+\+([^@]+)@.+")
_ADDRESSES = re.compile(r"<?[^\s<>;]+@[^\s<>;]+>?")
_LONGEST_REASON = 200
_QUOTED_STATUS = re.compile(r"\b5\d\d[ -](5\.\d{1,3}\.\d{1,3})\b[^\r\n]*")
_UNKNOWN_STATUS = "5.0.0"
_ABSENCE_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")
_RETURNED_TYPES = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}
_STATES = {"failed": DeliveryState.FAILED, "delivered": DeliveryState.DELIVERED}


@dataclass(frozen=True, slots=True)
class Bounce:
    """Status of one message for one recipient."""

    reference: str  # ours, as `mime.reference_token` wrote it; empty if the notification lacks it
    recipient: str = field(repr=False)
    action: str  # failed, delayed, delivered, relayed or expanded
    status: str  # for example 5.1.1
    reason: str = ""

    @property
    def receipt(self) -> DeliveryReceipt | None:
        """The receipt; None while undecided: delayed, relayed or expanded.

        A failure is final, because the server's own retries are over.
        """
        state = _STATES.get(self.action)
        if state is None:
            return None
        failure = None
        if state is DeliveryState.FAILED:
            failure = Rejected(f"bounced: {self.reason or self.status}", self.status)
        return DeliveryReceipt(
            state, reference=self.reference, recipient=self.recipient, failure=failure
        )


class MailKind(StrEnum):
    """The kind of a mail in the mailbox of bounces."""

    BOUNCE = "bounce"
    ABSENCE = "absence note"
    OTHER = "not understood"  # for a person: a reply, or a bounce that nobody knows


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail, and its bounces."""

    kind: MailKind
    bounces: tuple[Bounce, ...] = ()
    subject: str = ""


def parse_mail(mail: bytes) -> ParsedMail:
    """Return what a mail is. Raises nothing, whatever it contains."""
    # the newer policies raise on headers that real servers write
    message = message_from_bytes(mail, policy=compat32)
    subject = _header_value(message, "Subject")[:_LONGEST_REASON]
    reports = [
        part for part in message.walk() if part.get_content_type() == "message/delivery-status"
    ]
    # an incomplete report is for a person: its text may be about a delay
    bounces = _parse_reports(message, reports) if reports else _scan_text(message)
    if bounces:
        return ParsedMail(MailKind.BOUNCE, tuple(bounces), subject)
    is_automatic = _header_value(message, "Auto-Submitted").lower().startswith("auto-replied")
    has_mark = any(_header_value(message, name) for name in _ABSENCE_HEADERS)
    kind = MailKind.ABSENCE if is_automatic or has_mark else MailKind.OTHER
    return ParsedMail(kind, (), subject)


def _parse_reports(message: Message, reports: Iterable[Message]) -> list[Bounce]:
    reference = _find_reference(message)
    return [
        bounce for report in reports for block in _recipient_blocks(report)
        if (bounce := _parse_bounce(block, reference)) is not None
    ]  # fmt: skip


def _scan_text(message: Message) -> list[Bounce]:
    """Return the bounces in the text of a mail, with the status that it quotes, else 5.0.0."""
    try:
        temporary, permanent = all_failures(message)
    except (ValueError, LookupError, TypeError, AttributeError):
        return []  # its detectors expect well-formed mails
    reference, text = _find_reference(message), _first_text(message)
    quoted = _QUOTED_STATUS.search(text)
    status = quoted[1] if quoted else _UNKNOWN_STATUS
    reason = _ADDRESSES.sub("<address>", quoted[0] if quoted else "")[:_LONGEST_REASON]
    return [
        *(Bounce(reference, _decode(who), "failed", status, reason) for who in sorted(permanent)),
        *(Bounce(reference, _decode(who), "delayed", status) for who in sorted(temporary)),
    ]


def _first_text(message: Message) -> str:
    for part in message.walk():
        content = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(content, bytes):
            return content.decode("utf-8", "replace")
    return ""


def _decode(address: bytes) -> str:
    return address.decode("ascii", "replace")


def _parse_bounce(block: Message, reference: str) -> Bounce | None:
    action = _header_value(block, "Action").lower().partition(" ")[0]
    recipient = _header_value_after_type(block, "Original-Recipient") or _header_value_after_type(
        block, "Final-Recipient"
    )
    status = _STATUS.search(_header_value(block, "Status"))
    if not (action and recipient and status):
        return None
    diagnosis = _ADDRESSES.sub("<address>", _header_value_after_type(block, "Diagnostic-Code"))
    return Bounce(reference, recipient, action, status[0], diagnosis[:_LONGEST_REASON])


def _recipient_blocks(report: Message) -> Iterator[Message]:
    """Yield the fields of each recipient; the first block is about the whole message."""
    payload = report.get_payload()
    if isinstance(payload, list):
        yield from (block for block in payload if isinstance(block, Message))


def _find_reference(message: Message) -> str:
    """Return our reference from the returned message's id, else from the VERP address."""
    for part in message.walk():
        if part.get_content_type() in _RETURNED_TYPES:
            match = _MESSAGE_ID.search(_original_message_id(part))
            if match:
                return match[1]
    for header in ("X-Original-To", "Delivered-To", "To"):
        for _, address in getaddresses([str(each) for each in message.get_all(header, [])]):
            tagged = _VERP_TAG.fullmatch(address)
            if tagged:
                return tagged[1]
    return ""


def _original_message_id(part: Message) -> str:
    payload = part.get_payload()
    if isinstance(payload, list):  # the whole message
        return _header_value(payload[0], "Message-ID") if payload else ""
    raw = part.get_payload(decode=True)
    headers = raw if isinstance(raw, bytes) else b""
    return _header_value(message_from_bytes(headers, policy=compat32), "Message-ID")


def _header_value(message: object, name: str) -> str:
    found = message.get(name) if isinstance(message, Message) else None
    return "" if found is None else " ".join(str(found).split())


def _header_value_after_type(block: Message, name: str) -> str:
    """Return the value of `rfc822; name@example.org` without the type."""
    return _header_value(block, name).partition(";")[2].strip().strip("<>")
