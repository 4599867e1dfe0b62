"""Delivery status notifications (RFC 3464): what mail servers send back, to the ledger's words.

Other mails in the same mailbox, answers by people or by machines, hold no notification. Anybody
can write one: believe it only of a message that is known and was sent to that recipient.
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
    """What became of one message for one recipient."""

    reference: str  # ours, as `mail_message.token` wrote it; empty when the notification lost it
    recipient: str = field(repr=False)
    action: str  # failed, delayed, delivered, relayed or expanded
    status: str  # such as 5.1.1
    reason: str = ""

    @property
    def receipt(self) -> DeliveryReceipt | None:
        """For the ledger; None when nothing is decided yet: delayed, or relayed to elsewhere."""
        state = _STATES.get(self.action)
        if state is None:
            return None
        return DeliveryReceipt(
            state,
            reference=self.reference,
            recipient=self.recipient,
            failure=self.failure,
        )

    @property
    def failure(self) -> Rejected | None:
        """Why it did not arrive; servers gave it all their patience before they said so."""
        if self.action != "failed":
            return None
        return Rejected(f"bounced: {self.reason or self.status}", self.status)

    @property
    def is_dead_address(self) -> bool:
        """Whether nobody is there, so that writing again only harms our name."""
        return self.action == "failed" and self.status.startswith("5.1.")


def parse_bounces(mail: bytes) -> list[Bounce]:
    """What a mail says of ours; nothing when it is not a notification, or makes no sense."""
    # the old policy: the newer one raises on headers that real servers write
    whole = message_from_bytes(mail, policy=compat32)
    reports = [part for part in whole.walk() if _content_type(part) == "message/delivery-status"]
    if not reports:
        return []
    reference = _find_reference(whole)
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
    """The fields of each recipient; the first block is about the message as a whole."""
    payload = report.get_payload()
    if isinstance(payload, list):
        yield from (block for block in payload if isinstance(block, Message))


def _find_reference(whole: Message) -> str:
    """Ours, out of the returned message's own id, else out of the address it came back to."""
    for part in whole.walk():
        if _content_type(part) in _RETURNED_TYPES:
            named = _MESSAGE_ID.search(_original_message_id(part))
            if named:
                return named[1]
    for header in ("X-Original-To", "Delivered-To", "To"):
        for _, address in getaddresses([str(each) for each in whole.get_all(header, [])]):
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


def _content_type(part: Message) -> str:
    return part.get_content_type()


def _header_value(message: object, name: str) -> str:
    found = message.get(name) if isinstance(message, Message) else None
    return "" if found is None else " ".join(str(found).split())


def _header_value_after_type(block: Message, name: str) -> str:
    """`rfc822; somebody@example.org` without the type."""
    return _header_value(block, name).partition(";")[2].strip().strip("<>")
