"""Messages that people send to us, as each provider reports them."""

import re
from collections.abc import Iterator

from ticketing.notifications.whatsapp.http import JsonObject
from ticketing.notifications.whatsapp.waha import extract_message_id
from ticketing.notifications.whatsapp.webhook_items import (
    InboundMessage,
    number_of,
    object_of,
    text_of,
)
from ticketing.platform.kernel.errors import UnreadableReport

_OWN_CHAT = re.compile(r"([1-9][0-9]{6,14})(?::[0-9]+)?@(?:c\.us|s\.whatsapp\.net)")
_GROUP = "@g.us"
_NOT_TO_US = ("@broadcast", "@newsletter")  # status updates and channels
# where WAHA's engines write the number of a sender whose id is hidden
_ALTERNATIVES = (
    ("key", ("remoteJidAlt", "senderPn", "participantPn")),
    ("Info", ("SenderAlt",)),
)


def read_meta_message(message: JsonObject) -> InboundMessage:
    """Return a message of Meta's; raise UnreadableReport if it names no sender."""
    sender, scoped = text_of(message, "from"), text_of(message, "from_user_id", "user_id")
    if not (sender or scoped):
        raise UnreadableReport("from: no sender")
    return InboundMessage(
        number_of(sender),
        _typed_or_pressed(message),
        sender or scoped,
        answered_id=text_of(object_of(message, "context"), "id"),
    )


def _typed_or_pressed(message: JsonObject) -> str:
    interactive = object_of(message, "interactive")
    return (
        text_of(object_of(message, "text"), "body")
        or text_of(object_of(message, "button"), "text")
        or text_of(object_of(interactive, "button_reply"), "title")
        or text_of(object_of(interactive, "list_reply"), "title")
    )


def read_meta_preference(preference: JsonObject) -> list[InboundMessage]:
    """Return the STOP of a person who used WhatsApp's own switch for marketing messages.

    Switching them on again is not applied: staff were asked to send nothing, and only they know
    whether that was meant.
    """
    number, scoped = text_of(preference, "wa_id"), text_of(preference, "user_id")
    if not (number or scoped):
        raise UnreadableReport("wa_id: no sender")
    if text_of(preference, "value").casefold() != "stop":
        return []
    return [InboundMessage(number_of(number), "STOP", number or scoped)]


def read_waha_message(payload: JsonObject) -> InboundMessage | None:
    """Return a message to WAHA's session; None for one of our own and for status updates."""
    chat = text_of(payload, "from")
    if payload.get("fromMe") is True or chat.endswith(_NOT_TO_US):
        return None
    if not chat:
        raise UnreadableReport("payload.from: no sender")
    is_private = not chat.endswith(_GROUP)
    known = _number_of_chat(chat) or next(filter(None, _alternative_numbers(payload)), "")
    return InboundMessage(
        known if is_private else "",
        text_of(payload, "body"),
        chat if is_private else f"{chat} {text_of(payload, 'participant')}".strip(),
        extract_message_id(object_of(payload, "replyTo")),
        is_private=is_private,
    )


def _number_of_chat(chat: str) -> str:
    found = _OWN_CHAT.fullmatch(chat)
    return number_of(found[1]) if found else ""


def _alternative_numbers(payload: JsonObject) -> Iterator[str]:
    for parent, names in _ALTERNATIVES:
        given = object_of(object_of(payload, "_data"), parent)
        for name in names:
            yield _number_of_chat(text_of(given, name))


def read_fonnte_message(report: JsonObject) -> InboundMessage:
    """Return a message to Fonnte's device; `member` is who wrote it in a group."""
    sender, member = str(report.get("sender") or ""), str(report.get("member") or "")
    is_private = not (member or sender.endswith(_GROUP) or report.get("isgroup") is True)
    number = _number_of_chat(sender) or number_of(sender)
    return InboundMessage(
        number if is_private else "",
        text_of(report, "text") or text_of(report, "message"),
        f"{sender} {member}".strip(),
        is_private=is_private,
    )
