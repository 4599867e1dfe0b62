"""What an import means: live tickets it touches, possible duplicates, and empty cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

APPLY_HOLDER_CHANGES, CLEAR_EMPTY = "--apply-holder-changes", "--clear-empty"


@dataclass(frozen=True, slots=True)
class TouchedTickets:
    """The live tickets of changed guests, and how many of them were delivered."""

    live: int = 0
    delivered: int = 0


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
    """What an import means for people and tickets.

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
            changed.live + withdrawn.live, changed.delivered + withdrawn.delivered
        )


def format_impact(impact: ImportImpact, event: str) -> Iterator[str]:
    """Yield the lines of the impact that an operator has to know before importing."""
    tickets = impact.tickets
    if tickets.live:
        yield f"touches {tickets.live:,} live tickets, {tickets.delivered:,} of them delivered"
    yield from _emptied_lines(impact.emptied)
    if impact.kept_holders:
        yield (
            f"warning: {impact.kept_holders:,} rows would change the name on a live ticket; they "
            f"are kept aside without {APPLY_HOLDER_CHANGES}"
        )
    yield from _duplicate_lines(impact, event)
    if impact.known_contacts.people:
        yield (
            f"warning: {impact.known_contacts.people:,} new people have an e-mail or phone that is "
            "known under another id and name"
        )
        yield from map(_contact_line, impact.known_contacts.first)


def _emptied_lines(emptied: EmptiedFields) -> Iterator[str]:
    if not emptied.cells:
        return
    fields = ", ".join(f"{field} of {count:,}" for field, count in emptied.cells.items())
    tickets = f"{emptied.live_tickets:,} live tickets"
    if emptied.cleared:
        yield f"warning: empty cells clear {fields}; that touches {tickets}"
    else:
        yield f"empty cells keep {fields}; {CLEAR_EMPTY} would clear them and touch {tickets}"


def _duplicate_lines(impact: ImportImpact, event: str) -> Iterator[str]:
    if impact.duplicates.people:
        yield (
            f"warning: {impact.duplicates.people:,} people share name and e-mail/phone with someone"
            " under another id; they are on hold until you decide"
        )
        yield from map(_contact_line, impact.duplicates.first)
    if impact.undecided:
        yield (
            f"warning: {impact.undecided:,} possible duplicates of earlier imports are still on "
            "hold"
        )
    if impact.duplicates.people or impact.undecided:
        yield f"to decide: ticketing guests duplicates --event {event}"


def _contact_line(one: SharedContact) -> str:
    return (
        f"  line {one.line}: {one.person} ({one.name}) has the {one.contact} of {one.other}"
        f" ({one.other_name})"
    )
