"""Variables of a message as text in its language, with the text of strangers made inert.

A buyer may call itself `*Pay here* https://evil.example`, and a message to the organiser or to
another guest names it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from babel.dates import format_timedelta

from ticketing.notifications.messages.template_samples import (
    OWN_VARIABLES,
    LinkedText,
    ReviewQuestion,
    TemplateValue,
    TemplateVariables,
)
from ticketing.platform.kernel.languages import LOCALES
from ticketing.platform.kernel.local_dates import (
    format_event_dates,
    format_event_times,
    format_instant,
)
from ticketing.platform.kernel.money import Rupiah
from ticketing.platform.kernel.text import to_printable, unlink, unmark_chat

LocalizedValue = str | list[str]


def localize_variables(
    variables: TemplateVariables, language: str, *, in_chat: bool = False
) -> dict[str, LocalizedValue]:
    """Return the variables formatted for the language, each on one line.

    `startsAt` and `endsAt` of an event also give `eventDate` and `eventTime`.
    """
    zone, locale = str(variables["timeZone"]), LOCALES[language]
    localized: dict[str, LocalizedValue] = {}
    for name, fact in variables.items():
        formatted = _format_moment(fact, zone, locale)
        is_own = name in OWN_VARIABLES
        localized[name] = formatted or _localize_text(fact, is_own=is_own, in_chat=in_chat)
    starts, ends = variables.get("startsAt"), variables.get("endsAt")
    if isinstance(starts, datetime) and isinstance(ends, datetime):
        clock = (starts, ends, zone, locale)
        localized |= {
            "eventDate": format_event_dates(*clock),
            "eventTime": format_event_times(*clock),
        }
    return localized


def join_lists(localized: Mapping[str, LocalizedValue]) -> dict[str, str]:
    """Return the variables with each list on one line."""
    return {
        name: value if isinstance(value, str) else ", ".join(value)
        for name, value in localized.items()
    }


def _format_moment(fact: TemplateValue, zone: str, locale: str) -> str:
    """Return a time or a duration as text; empty for any other value."""
    if isinstance(fact, datetime):
        return format_instant(fact, zone, locale)
    if isinstance(fact, timedelta):
        return format_timedelta(fact, "minute", threshold=2, locale=locale)
    return ""


def _localize_text(fact: TemplateValue, *, is_own: bool, in_chat: bool) -> LocalizedValue:
    if isinstance(fact, int | Rupiah):
        return str(fact)
    if isinstance(fact, str):
        return to_printable(fact) if is_own else make_inert(fact, in_chat=in_chat)
    if isinstance(fact, datetime | timedelta | ReviewQuestion):
        return ""
    return [_localize_item(item, is_own=is_own, in_chat=in_chat) for item in fact]


def _localize_item(item: str | LinkedText, *, is_own: bool, in_chat: bool) -> str:
    if isinstance(item, LinkedText):
        return f"{make_inert(item.text, in_chat=in_chat)} {item.link}".rstrip()
    return to_printable(item) if is_own else make_inert(item, in_chat=in_chat)


def make_inert(text: str, *, in_chat: bool) -> str:
    """Return a stranger's text on one line, without links and without markup of chats."""
    unlinked = unlink(to_printable(text))
    return unmark_chat(unlinked) if in_chat else unlinked
