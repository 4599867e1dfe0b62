"""Who is meant: identifiers as typed, and the rule that one contact may belong to several people.

Contacts and numbers identify a person. A name never does, it only shows that several people share
a contact.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.errors import Conflict, NotFound, Refused
from ticketing.platform.kernel.phone import phone_normaliser

_MAX_LISTED = 10
_MAX_ID_DIGITS = 18


class IdentifierKind(StrEnum):
    """What an identifier is; as a prefix such as `guest:12` it settles what is meant."""

    EMAIL = "email"
    PHONE = "tel"
    GUEST = "guest"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One reading of what was typed."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True)
class Person:
    """The records of a person, and its contacts; `former` are contacts of earlier."""

    guest_ids: frozenset[int] = frozenset()
    order_ids: frozenset[int] = frozenset()
    entry_ids: frozenset[int] = frozenset()  # of waiting lists
    contacts: frozenset[str] = field(default=frozenset(), repr=False)
    former: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class PersonMatch:
    """A record that has the contact, as shown to whoever asked."""

    reference: str  # guest:12, order:ABCD or waiting:3
    event: str
    name: str = field(repr=False)
    is_place: bool = False  # a place of an order, named by its buyer


class UnknownPerson(NotFound):
    """No record has that e-mail, phone, guest id or order code."""


class UnreadableIdentifier(Refused):
    """A text is no e-mail address, phone number, guest id or order code."""


class AmbiguousPerson(Conflict):
    """What was typed may mean several people; `matches` are their records."""

    def __init__(self, message: str, matches: Sequence[PersonMatch] = ()) -> None:
        super().__init__(message)
        self.matches = tuple(matches)


def parse_identifier(text: str, regions: Iterable[str]) -> list[Identifier]:
    """Return what a text may mean; a prefix leaves one reading. Raises UnreadableIdentifier."""
    text = text.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix in set(IdentifierKind):
        readings = _readings(rest.strip(), regions)
        found = [one for one in readings if one.kind == prefix]
    else:
        found = _readings(text, regions)
    if not found:
        raise UnreadableIdentifier(
            f"{text!r} is no e-mail address, phone number, guest id or order code;"
            f" write one of them, or say which: {', '.join(f'{kind}:…' for kind in IdentifierKind)}"
        )
    return found


def _readings(text: str, regions: Iterable[str]) -> list[Identifier]:
    if "@" in text:
        try:
            return [Identifier(IdentifierKind.EMAIL, normalise_email(text))]
        except ValueError as error:
            raise UnreadableIdentifier(f"e-mail {text!r}: {error}") from error
    found = [Identifier(IdentifierKind.PHONE, phone) for phone in _phones(text, regions)]
    if text.isdecimal() and len(text) <= _MAX_ID_DIGITS:
        found.append(Identifier(IdentifierKind.GUEST, str(int(text))))
    if re.fullmatch(r"[A-Za-z0-9-]+", text):
        found.append(Identifier(IdentifierKind.ORDER, text.upper()))
    return found


def _phones(text: str, regions: Iterable[str]) -> list[str]:
    """Return the E.164 forms of a number in each region."""
    found = set()
    for region in regions:
        try:
            found.add(phone_normaliser(region)(text))
        except ValueError:
            continue  # not a number of this region
    return sorted(found)


def require_one_person(matches: Sequence[PersonMatch], *, all_matches: bool) -> None:
    """Refuse records with names of different people, unless the caller says that all are meant."""
    named = [match for match in matches if not match.is_place]
    if all_matches or not _are_several([match.name for match in named]):
        return
    shown = ", ".join(f"{match.reference} ({match.event})" for match in named[:_MAX_LISTED])
    more = f" and {len(named) - _MAX_LISTED} more" if len(named) > _MAX_LISTED else ""
    raise AmbiguousPerson(
        f"people of different names share this contact: {shown}{more}; if all of them are meant,"
        " say --all-matches (`allMatches`), else give the others another contact first"
        " (`guests update`, `orders correct-contact`)",
        matches,
    )


def _are_several(names: Iterable[str]) -> bool:
    """Return whether names differ by more than missing words: `Siti` may be `Siti Aminah`."""
    words = sorted({frozenset(name.casefold().split()) for name in names if name}, key=len)
    return any(not fewer <= words[-1] for fewer in words)
