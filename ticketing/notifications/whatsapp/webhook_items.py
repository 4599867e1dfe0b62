"""Items of a WhatsApp webhook: delivery receipts, messages of people, unreadable items.

Each item stands alone: one that is odd never makes the others of its webhook unreadable.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ticketing.notifications.channels.refusals import ChannelStatus
from ticketing.notifications.delivery import DeliveryReceipt
from ticketing.notifications.whatsapp.http import JsonObject, integer_of
from ticketing.platform.kernel.errors import UnreadableReport
from ticketing.platform.kernel.phone import normalise_with_library


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message from a person or a group.

    `sender` is the number in E.164 form, empty if the webhook does not say it: WhatsApp hides
    numbers (`…@lid`, business-scoped ids), and in a group it is unknown who was meant.
    """

    sender: str = field(repr=False)
    text: str = field(repr=False)
    sender_id: str = field(default="", repr=False)  # as the provider names the sender
    answered_id: str = ""  # the provider's id of our message that it quotes
    is_private: bool = True  # False: written in a group


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item that cannot be applied. The reason names its place and never quotes it."""

    reason: str


WebhookItem = DeliveryReceipt | InboundMessage | ChannelStatus | UnreadableItem
WebhookItems = list[WebhookItem]


def parse_json_object(body: bytes) -> JsonObject:
    """Return the JSON object of a body; raise UnreadableReport if it is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport("the report is not JSON") from error
    if not isinstance(parsed, dict):
        raise UnreadableReport("the report is not a JSON object")
    return parsed


def read_list(
    parent: JsonObject, name: str, place: str, read: Callable[[JsonObject, str], WebhookItems]
) -> Iterator[WebhookItem]:
    """Yield the items of a list of objects; what is no list or no object is an unreadable item.

    `read` may raise UnreadableReport for one object. A missing list has no items.
    """
    given = parent.get(name)
    if not isinstance(given, list):
        if given is not None:
            yield UnreadableItem(f"{place}{name}: not a list")
        return
    for number, each in enumerate(given, 1):
        where = f"{place}{name} {number}"
        try:
            yield from read(_as_object(each), where)
        except UnreadableReport as error:
            yield UnreadableItem(f"{where}: {error}")


def _as_object(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise UnreadableReport("not an object")
    return value


def object_of(parent: JsonObject, name: str) -> JsonObject:
    """Return a nested object; empty if there is none."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def text_of(parent: JsonObject, *names: str) -> str:
    """Return the first of these fields that is a text and not empty, else an empty text."""
    texts = (parent.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")


def instant_of(seconds: object) -> datetime | None:
    """Return the time of Unix seconds, a number or digits; None if it is missing or senseless.

    A receipt is worth more than its time, which nothing depends on.
    """
    number = seconds if isinstance(seconds, float) else integer_of(seconds)
    try:
        return None if number is None else datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def number_of(digits: str) -> str:
    """Return a number in E.164 form; empty if these digits are no valid number.

    A hidden id of WhatsApp is made of digits, too; a wrong guess would be another person.
    """
    if not digits.removeprefix("+").isdecimal():
        return ""
    try:
        return normalise_with_library(f"+{digits.removeprefix('+')}", "ID")
    except ValueError:
        return ""
