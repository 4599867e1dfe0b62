"""Asking a router for vouchers, and sorting what it says: there, not there, or nobody knows yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ticketing.domain.errors import (
    Misconfigured,
    NameTaken,
    OutcomeUnknown,
    RouterRefused,
    RouterUnavailable,
    TicketingError,
)
from ticketing.domain.hotspot import Finding, HotspotUser, Marker, RouterUser, finding
from ticketing.gateways.routeros import Router
from ticketing.store.packages import StoredPackage
from ticketing.store.vouchers import Voucher

TROUBLE = (RouterUnavailable, OutcomeUnknown, RouterRefused, Misconfigured)  # the router's own
_LEFT_OPEN = "whoever asked for it did not hear the answer, and it is not there"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A voucher as its router is to have it."""

    voucher: Voucher
    package: StoredPackage
    user: HotspotUser


@dataclass(slots=True)
class Answer:
    """What a router said of vouchers; of those in no list it has not said anything."""

    placed: list[Wanted] = field(default_factory=list)
    absent: list[tuple[Wanted, str]] = field(default_factory=list)
    refused: list[tuple[Wanted, RouterRefused]] = field(default_factory=list)
    taken: list[Wanted] = field(default_factory=list)  # a row that is not ours has the name
    trouble: str = ""  # with the router as such

    @property
    def ids(self) -> list[int]:
        """Of which vouchers it says something."""
        others = [one for one, _ in self.absent] + [one for one, _ in self.refused]
        return [each.voucher.id for each in [*self.placed, *self.taken, *others]]


def as_sold(voucher: Voucher, stored: StoredPackage, office: str) -> Wanted:
    """What a package promises, under the voucher's name."""
    package = stored.package
    user = HotspotUser(
        voucher.credentials, package.profile, marker_of(voucher, office), package.online_limit,
        package.bytes_limit,
    )  # fmt: skip
    return Wanted(voucher, stored, user)


def marker_of(voucher: Voucher, office: str) -> Marker:
    """What tells its row on the router from everybody else's."""
    return Marker(office, voucher.key, voucher.credentials.name)


def ask(door: Router, wanted: Sequence[Wanted]) -> Answer:
    """Ask for rows; where the router is silent, or has the name already, look."""
    answer = Answer()
    if not wanted:
        return answer
    try:
        placements = door.add([each.user for each in wanted])
    except TROUBLE as error:  # before anything was asked for
        answer.absent = [(each, str(error)) for each in wanted]
        answer.trouble = str(error)
        return answer
    unclear: list[tuple[Wanted, TicketingError | None]] = []
    for each, placement in zip(wanted, placements, strict=True):
        said = placement.error
        if said is None:
            answer.placed.append(each)
        elif isinstance(said, (NameTaken, OutcomeUnknown)):
            unclear.append((each, said))
        elif isinstance(said, RouterRefused):
            answer.refused.append((each, said))
        else:
            answer.absent.append((each, str(said)))
            answer.trouble = str(said)
    try:
        _look(door, unclear, answer)
    except TROUBLE as error:
        answer.trouble = str(error)
    return answer


def read_back(door: Router, left: Sequence[Wanted]) -> Answer:
    """Look for rows that somebody asked for who is dead; raises when the router does not tell."""
    answer = Answer()
    _look(door, [(each, None) for each in left], answer)
    return answer


def _look(
    door: Router, unclear: Sequence[tuple[Wanted, TicketingError | None]], answer: Answer
) -> None:
    if not unclear:
        return
    by_name: dict[str, list[RouterUser]] = {}
    for row in door.find([each.user.name for each, _ in unclear]):
        by_name.setdefault(row.name, []).append(row)
    for each, why in unclear:
        match finding(each.user, by_name.get(each.user.name, [])):
            case Finding.OURS:
                answer.placed.append(each)
            case Finding.TAKEN:
                answer.taken.append(each)
            case Finding.ABSENT:
                answer.absent.append((each, str(why) if why else _LEFT_OPEN))
                if isinstance(why, OutcomeUnknown):
                    answer.trouble = str(why)
