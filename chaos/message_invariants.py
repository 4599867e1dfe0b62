"""Comparison of our deliveries with the messages that WhatsApp and the mail server accepted."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from chaos.environment import SimulatedEnvironment
from simulators.mail.box import ReceivedMail
from ticketing.platform.db.database import Database

SENT_STATES = {"sent", "delivered", "read"}
EXPLAINED_STATES = {"failed", "unknown"}  # the row contains the reason
WORD = re.compile(r"[\w-]+")
OMITTED_CODES = re.compile(r"… \+([0-9]+)")  # omitted codes: on the order page
PURPOSE_BY_KIND = {"vouchers": "voucher.ready", "tickets": "order.confirmation"}


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """Delivery in our database; `reference` is the vendor's message id."""

    message: int
    reference: str
    channel: str
    state: str
    resends: int  # after an unknown result
    is_queued: bool  # for a retry
    reason: str


@dataclass(frozen=True, slots=True)
class MessageRow:
    """Message in our database."""

    id: int
    purpose: str
    subject: str
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class MessageSnapshot:
    """Snapshot of messages, deliveries and the contents owed to buyers."""

    messages: Sequence[MessageRow]
    deliveries: Sequence[DeliveryRow]
    paid: dict[str, str]  # by the order's code: vouchers or tickets
    codes: dict[str, set[str]] = field(repr=False)  # of vouchers, by the order's code
    buyers: dict[str, set[str]] = field(repr=False)  # their addresses, by the order's code


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """Message that a vendor accepted."""

    channel: str
    reference: str
    to: str = field(repr=False)
    words: str = field(repr=False)
    has_document: bool = False  # with the codes of a large order, which the simulator does not keep


def read_snapshot(database: Database) -> MessageSnapshot:
    """Read the snapshot in one transaction; no other process writes any more."""
    codes = defaultdict(set)
    with database.transaction() as connection:
        for order, code in connection.execute(_CODES):
            codes[order].add(code)
        return MessageSnapshot(
            [MessageRow(*row) for row in connection.execute(_MESSAGES)],
            [DeliveryRow(*row) for row in connection.execute(_DELIVERIES)],
            {row.code: row.kind for row in connection.execute(_PAID)},
            dict(codes),
            {order: set(addresses) for order, *addresses in connection.execute(_BUYERS)},
        )


def list_accepted(environment: SimulatedEnvironment) -> list[AcceptedMessage]:
    """Return the messages accepted by WhatsApp and the mail server."""
    chats = [
        AcceptedMessage(
            "whatsapp",
            each.draft.reference,
            f"+{each.draft.to}",
            each.draft.text,
            has_document=each.draft.file is not None,
        )
        for each in environment.whatsapp.messages()
    ]
    return chats + [_accepted_mail(each) for each in environment.mail.mails()]


def _accepted_mail(each: ReceivedMail) -> AcceptedMessage:
    reference, _ = str(each.message["Message-ID"]).strip("<>").split("@")
    return AcceptedMessage("mail", reference, ", ".join(each.recipients), each.text)


def find_violations(
    snapshot: MessageSnapshot, accepted_messages: Sequence[AcceptedMessage]
) -> Iterator[str]:
    """Yield a description of every violation."""
    yield from _order_violations(snapshot)
    yield from _delivery_violations(snapshot, accepted_messages)
    yield from _code_violations(snapshot, accepted_messages)


def _order_violations(snapshot: MessageSnapshot) -> Iterator[str]:
    counts = Counter((each.purpose, each.subject) for each in snapshot.messages)
    for order, kind in snapshot.paid.items():
        if (number := counts[PURPOSE_BY_KIND[kind], order]) != 1:
            yield f"order {order}: {number} messages about its {kind}"
    on_their_way = {each.message for each in snapshot.deliveries}
    for each in snapshot.messages:
        if each.id not in on_their_way and not each.is_withdrawn:
            yield f"message {each.id} ({each.purpose}) has no delivery"


def _delivery_violations(
    snapshot: MessageSnapshot, accepted_messages: Sequence[AcceptedMessage]
) -> Iterator[str]:
    copies = Counter((each.channel, each.reference) for each in accepted_messages)
    for each in snapshot.deliveries:
        number = copies.pop((each.channel, each.reference), 0)
        called = f"message {each.message} by {each.channel} is {each.state}"
        if each.state in SENT_STATES and not number:
            yield f"{called}: not accepted by any vendor"
        if number > 1 + each.resends:
            yield f"{called}: accepted {number} times, with {each.resends} resends"
        if each.is_queued or each.state not in SENT_STATES | EXPLAINED_STATES:
            yield f"{called}: still queued"
        if each.state in EXPLAINED_STATES and not each.reason:
            yield f"{called}: without a reason"
    for channel, _ in copies:
        yield f"{channel} accepted an unknown message"


def _code_violations(
    snapshot: MessageSnapshot, accepted_messages: Sequence[AcceptedMessage]
) -> Iterator[str]:
    """Yield violations of voucher messages: missing codes, or codes of other buyers."""
    subject_of = {
        each.id: each.subject
        for each in snapshot.messages
        if each.purpose == PURPOSE_BY_KIND["vouchers"]
    }
    order_of = {
        each.reference: subject_of[each.message]
        for each in snapshot.deliveries
        if each.message in subject_of
    }
    known = set().union(*snapshot.codes.values())
    for each in accepted_messages:
        order = order_of.get(each.reference, "")
        order_codes, sent = snapshot.codes.get(order, set()), known & set(WORD.findall(each.words))
        left_out = sum(map(int, OMITTED_CODES.findall(each.words)))
        if order and each.has_document and f" {len(order_codes)} " in each.words:
            left_out = len(order_codes)  # the text names their number
        if not sent <= order_codes or len(sent) + left_out != len(order_codes):
            yield f"{each.channel}: a message of {order or 'no vouchers'} has wrong codes"
        if order and each.to not in snapshot.buyers[order]:
            yield f"{each.channel}: the codes of {order} were sent to another buyer"


def summarise(
    snapshot: MessageSnapshot, accepted_messages: Sequence[AcceptedMessage]
) -> dict[str, object]:
    """Return the figures of the report; duplicates are those that our rows explain."""
    copies = Counter((each.channel, each.reference) for each in accepted_messages)
    ends = Counter(f"{each.channel} {each.state}" for each in snapshot.deliveries)
    reasons = Counter(each.reason for each in snapshot.deliveries if each.state in EXPLAINED_STATES)
    return {
        "messages": len(snapshot.messages),
        "deliveries": dict(ends),
        "accepted": dict(Counter(each.channel for each in accepted_messages)),
        "accepted twice after an unknown outcome": sum(copies.values()) - len(copies),
        "not handed over because": dict(reasons),
    }


# plain SQL instead of the application's queries, to be independent of the tested code
_MESSAGES = text(
    "SELECT id, purpose, subject, purpose = 'order.placed' AND processed_at IS NOT NULL"
    " FROM outbox ORDER BY id"
)
_DELIVERIES = text(
    "SELECT outbox_id, replace(uid::text, '-', ''), channel, state, resend_count,"
    " next_attempt_at IS NOT NULL, last_error FROM deliveries ORDER BY id"
)
_PAID = text(
    "SELECT o.code, CASE WHEN EXISTS"
    " (SELECT FROM order_lines l JOIN packages USING (ticket_type_id) WHERE l.order_id = o.id)"
    " THEN 'vouchers' ELSE 'tickets' END AS kind FROM orders o WHERE o.state = 'paid'"
)
_BUYERS = text("SELECT code, buyer_phone, buyer_email FROM orders")
_CODES = text(
    "SELECT o.code, v.name FROM vouchers v JOIN order_lines l ON l.id = v.order_line_id"
    " JOIN orders o ON o.id = l.order_id"
)
