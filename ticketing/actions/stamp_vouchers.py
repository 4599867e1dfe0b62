"""Writing down what a router said of vouchers, all of it or nothing; who has everything is told."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions import router_trouble
from ticketing.actions.ask_router import Answer, Wanted
from ticketing.actions.provisioning import Provisioner, Round, record
from ticketing.domain.errors import NameTaken, RouterRefused
from ticketing.domain.provisioning import asked_again, is_given_up
from ticketing.domain.vouchers import ends_at
from ticketing.gateways.routeros_refusals import Reason
from ticketing.store import voucher_moves, whole_orders
from ticketing.store.routers import StoredRouter
from ticketing.store.voucher_moves import Placed, Unplaced
from ticketing.store.vouchers import Voucher

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
        their_orders = voucher_moves.lock(connection, answer.ids)
        stuck = _stuck(connection, means, answer.taken)
        done = Round(
            router.name,
            placed=_placed(connection, answer.placed, at=at),
            absent=_absent(connection, answer.absent, at=at),
            refused=_refused(connection, means, [*answer.refused, *stuck], at=at),
            renamed=len(answer.taken) - len(stuck),
            told=whole_orders.tell(connection, their_orders),
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
        router_trouble.forget_refusals(connection, package, at=at)
    rows = [Placed(each.voucher.id, _ends_at(each, at)) for each in placed]
    return voucher_moves.place(connection, rows, at=at)


def _ends_at(wanted: Wanted, at: datetime) -> datetime | None:
    voucher = wanted.voucher
    if voucher.sold_at is None:
        return None
    had_at = max(voucher.sold_at, voucher.present_at or at)
    return ends_at(wanted.package.package, had_at, voucher.first_used_at)


def _absent(connection: Connection, absent: Sequence[tuple[Wanted, str]], *, at: datetime) -> int:
    rows = [Unplaced(each.voucher.id, why) for each, why in absent]
    return voucher_moves.owe_again(connection, rows, at=at)


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
        voucher_moves.rename(
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
    number = voucher_moves.owe_again(connection, rows, at=at)
    given_up = {
        each.package.ticket_type_id: (each.package, str(error))
        for (each, error), row in zip(refused, rows, strict=True)
        if row.gave_up
    }
    for package, why in given_up.values():
        router_trouble.note_refusal(connection, package, why=why, at=at)
    return number
