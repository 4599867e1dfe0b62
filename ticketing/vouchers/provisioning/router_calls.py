"""Asking a router for vouchers, and sorting what it says: there, not there, or nobody knows yet.

Writing down what a router said of vouchers, all of it or nothing; who has everything is told.

Taking off a router what has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.kernel.errors import (
    Misconfigured,
    NameTaken,
    OutcomeUnknown,
    RouterRefused,
    RouterUnavailable,
    TicketingError,
)
from ticketing.routers.model import Finding, HotspotUser, Marker, RouterUser, finding
from ticketing.routers.queries import StoredRouter
from ticketing.routers.routeros.client import Removal, Router
from ticketing.routers.routeros.errors import Reason
from ticketing.vouchers import order_queries, transition_queries
from ticketing.vouchers.model import ends_at
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning import circuit_breaker
from ticketing.vouchers.provisioning.provisioner import Provisioner, Round, record
from ticketing.vouchers.provisioning.retry_policy import asked_again, is_given_up
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.transition_queries import Placed, Unplaced

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


DRAWS = 5  # most names are free: five that are not are no accident


NOT_OURS = "a row of this name on the router is not ours, and was left alone"


_LASTING = {Reason.NO_SUCH_PROFILE, Reason.NOT_PERMITTED, Reason.NAME_TAKEN}


Refusal = tuple[Wanted, RouterRefused]


def stamp(means: Provisioner, router: StoredRouter, answer: Answer) -> Round:
    """What came of it; an order that was refunded meanwhile stays so."""
    if not answer.ids:
        return Round(router.name, trouble=answer.trouble)
    at = means.clock()
    with means.database.transaction() as connection:
        their_orders = transition_queries.lock(connection, answer.ids)
        stuck = _stuck(connection, means, answer.taken)
        done = Round(
            router.name,
            placed=_placed(connection, answer.placed, at=at),
            absent=_absent(connection, answer.absent, at=at),
            refused=_refused(connection, means, [*answer.refused, *stuck], at=at),
            renamed=len(answer.taken) - len(stuck),
            told=order_queries.tell(connection, their_orders),
            trouble=answer.trouble,
        )
        record(connection, done, by=means.by)
    return done


def postponed(
    means: Provisioner, voucher: Voucher, error: RouterRefused, *, at: datetime
) -> Unplaced:
    """What only a person mends is given up at once; the rest when it was tried often enough."""
    lasting = error.details.get("reason") in _LASTING
    tries = voucher.tries + 1
    again = asked_again(tries, lasting=lasting, at=at, jitter=means.jitter())
    return Unplaced(voucher.id, str(error), again, gave_up=lasting or is_given_up(tries))


def _placed(connection: Connection, placed: Sequence[Wanted], *, at: datetime) -> int:
    for package in {each.package.ticket_type_id: each.package for each in placed}.values():
        circuit_breaker.forget_refusals(connection, package, at=at)
    rows = [Placed(each.voucher.id, _ends_at(each, at)) for each in placed]
    return transition_queries.place(connection, rows, at=at)


def _ends_at(wanted: Wanted, at: datetime) -> datetime | None:
    voucher = wanted.voucher
    if voucher.sold_at is None:
        return None
    had_at = max(voucher.sold_at, voucher.present_at or at)
    return ends_at(wanted.package.package, had_at, voucher.first_used_at)


def _absent(connection: Connection, absent: Sequence[tuple[Wanted, str]], *, at: datetime) -> int:
    rows = [Unplaced(each.voucher.id, why) for each, why in absent]
    return transition_queries.owe_again(connection, rows, at=at)


def _stuck(connection: Connection, means: Provisioner, taken: Sequence[Wanted]) -> list[Refusal]:
    """Draw others for names that are taken; a buyer who was told one keeps it, and waits."""
    return [
        (each, NameTaken(NOT_OURS, reason=Reason.NAME_TAKEN))
        for each in taken
        if each.voucher.present_at is not None or not _drawn_anew(connection, means, each)
    ]


def _drawn_anew(connection: Connection, means: Provisioner, wanted: Wanted) -> bool:
    rule = wanted.package.rule
    return any(
        transition_queries.rename(
            connection,
            wanted.voucher.id,
            rule.credentials(means.randomness(rule.random_bytes)),
            why="the name was somebody else's",
        )
        for _ in range(DRAWS)
    )


def _refused(
    connection: Connection, means: Provisioner, refused: Sequence[Refusal], *, at: datetime
) -> int:
    rows = [postponed(means, each.voucher, error, at=at) for each, error in refused]
    number = transition_queries.owe_again(connection, rows, at=at)
    given_up = {
        each.package.ticket_type_id: (each.package, str(error))
        for (each, error), row in zip(refused, rows, strict=True)
        if row.gave_up
    }
    for package, why in given_up.values():
        circuit_breaker.note_refusal(connection, package, why=why, at=at)
    return number


MOST = 50  # nobody waits for it, and whoever buys meanwhile would


def take_off(means: Provisioner, router: StoredRouter, door: Router) -> Round:
    """Some of what has ended; a row that is not ours stays, and the voucher's row says so."""
    with means.database.transaction() as connection:
        over = transition_queries.ending(connection, router.id, at=means.clock(), limit=MOST)
    if not over:
        return Round(router.name)
    ids = {marker_of(each, means.doors.office): each.id for each in over}
    try:
        removals = door.remove(ids)
    except RouterRefused as error:
        return _kept(means, router, over, error)
    foreign = [ids[marker] for marker, was in removals.items() if was is Removal.NOT_OURS]
    at = means.clock()
    with means.database.transaction() as connection:
        transition_queries.lock(connection, list(ids.values()))
        left = transition_queries.bury(connection, foreign, note=NOT_OURS, at=at)
        done = Round(
            router.name,
            removed=left + transition_queries.bury(connection, list(ids.values()), at=at),
            foreign=left,
        )
        record(connection, done, by=means.by)
    return done


def _kept(
    means: Provisioner, router: StoredRouter, over: Sequence[Voucher], error: RouterRefused
) -> Round:
    at = means.clock()
    rows = [postponed(means, each, error, at=at) for each in over]
    with means.database.transaction() as connection:
        transition_queries.lock(connection, [each.id for each in rows])
        done = Round(router.name, refused=transition_queries.end_later(connection, rows, at=at))
        record(connection, done, by=means.by)
    return done
