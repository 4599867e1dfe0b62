"""Parser of delivery status notifications (RFC 3464), which mail servers send back.

Other mails in the mailbox, such as replies and autoresponses, contain none. Anybody can forge a
notification: trust it only for a known message that was sent to that recipient.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses

from ticketing.notifications.delivery import DeliveryReceipt, DeliveryState
from ticketing.notifications.messages.message import Rejected

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")
_MESSAGE_ID = re.compile(r"<([^<>@\s]+)@[^<>\s]+>")
_VERP_TAG = re.compile(r"[^+@]+\+([^@]+)@.+")
_ADDRESSES = re.compile(r"<?[^\s<>;]+@[^\s<>;]+>?")
_LONGEST_REASON = 200
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


def parse_bounces(mail: bytes) -> list[Bounce]:
    """Return the bounces in a mail; empty if it is no notification or cannot be parsed."""
    # the newer policies raise on headers that real servers write
    message = message_from_bytes(mail, policy=compat32)
    reports = [
        part for part in message.walk() if part.get_content_type() == "message/delivery-status"
    ]
    if not reports:
        return []
    reference = _find_reference(message)
    return [
        bounce for report in reports for block in _recipient_blocks(report)
        if (bounce := _parse_bounce(block, reference)) is not None
    ]  # fmt: skip


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
