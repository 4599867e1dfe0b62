"""The impact of an import: live tickets it touches, possible duplicates, and empty cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

APPLY_HOLDER_CHANGES, CLEAR_EMPTY = "--apply-holder-changes", "--clear-empty"


@dataclass(frozen=True, slots=True)
class TouchedTickets:
    """The live tickets of changed guests, and how many were delivered, and used at an entrance."""

    live: int = 0
    delivered: int = 0
    checked_in: int = 0


@dataclass(frozen=True, slots=True)
class SharedContact:
    """A new guest of a file whose e-mail or phone (`contact`) another guest has."""

    line: int
    person: str
    name: str
    contact: str
    other: str
    other_name: str


@dataclass(frozen=True, slots=True)
class SharedContacts:
    """New guests with the contact of another guest: the number, and the first of them."""

    people: int = 0
    first: Sequence[SharedContact] = ()


@dataclass(frozen=True, slots=True)
class EmptiedFields:
    """Empty cells where a value is stored, by field, and the live tickets of these guests."""

    cells: Mapping[str, int] = field(default_factory=dict)
    live_tickets: int = 0
    cleared: bool = False  # or kept


@dataclass(frozen=True, slots=True)
class ImportImpact:
    """The impact of an import on people and tickets.

    `duplicates` have the same name as well and are on hold; `known_contacts` have another name.
    `undecided` counts the possible duplicates of earlier imports.
    """

    changed: TouchedTickets = TouchedTickets()
    withdrawn: TouchedTickets = TouchedTickets()
    kept_holders: int = 0
    emptied: EmptiedFields = field(default_factory=EmptiedFields)
    duplicates: SharedContacts = SharedContacts()
    known_contacts: SharedContacts = SharedContacts()
    undecided: int = 0

    @property
    def tickets(self) -> TouchedTickets:
        """Return the tickets of all guests that are changed or withdrawn."""
        changed, withdrawn = self.changed, self.withdrawn
        return TouchedTickets(
            changed.live + withdrawn.live,
            changed.delivered + withdrawn.delivered,
            changed.checked_in + withdrawn.checked_in,
        )


def format_impact(impact: ImportImpact, event: str) -> Iterator[str]:
    """Yield the lines of the impact that an operator has to know before importing."""
    tickets = impact.tickets
    if tickets.live:
        yield (
            f"Touches {_live_tickets(tickets.live)}, {tickets.delivered:,} of them delivered,"
            f" {tickets.checked_in:,} checked in"
        )
    yield from _emptied_lines(impact.emptied)
    if impact.kept_holders:
        rows = _count(impact.kept_holders, "row", "rows")
        yield (
            f"Warning: {rows} with another name for a live ticket; rejected without "
            f"{APPLY_HOLDER_CHANGES}"
        )
    yield from _duplicate_lines(impact, event)
    if impact.known_contacts.people:
        people = _count(impact.known_contacts.people, "new person has", "new people have")
        yield f"Warning: {people} an e-mail or phone that is known under another id and name"
        yield from map(_contact_line, impact.known_contacts.first)


def _emptied_lines(emptied: EmptiedFields) -> Iterator[str]:
    if not emptied.cells:
        return
    fields = ", ".join(f"{field} {count:,}" for field, count in emptied.cells.items())
    tickets = _live_tickets(emptied.live_tickets)
    if emptied.cleared:
        yield f"Warning: empty cells clear stored values ({fields}) and touch {tickets}"
    else:
        yield (
            f"Empty cells keep stored values ({fields}); {CLEAR_EMPTY} would clear them and touch "
            f"{tickets}"
        )


def _duplicate_lines(impact: ImportImpact, event: str) -> Iterator[str]:
    if impact.duplicates.people:
        people = _count(impact.duplicates.people, "person shares", "people share")
        yield (
            f"Warning: {people} name and e-mail/phone with someone under another id; on hold until "
            "you decide"
        )
        yield from map(_contact_line, impact.duplicates.first)
    if impact.undecided:
        people = _count(impact.undecided, "possible duplicate", "possible duplicates")
        yield f"Warning: still on hold from earlier imports: {people}"
    if impact.duplicates.people or impact.undecided:
        yield f"To decide: ticketing guests duplicates --event {event}"


def _live_tickets(number: int) -> str:
    return _count(number, "live ticket", "live tickets")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _contact_line(one: SharedContact) -> str:
    return (
        f"  line {one.line}: {one.person} ({one.name}) has the {one.contact} of {one.other}"
        f" ({one.other_name})"
    )
