"""Taking off a router what has ended."""

from collections.abc import Sequence

from ticketing.actions.ask_router import marker_of
from ticketing.actions.provisioning import Provisioner, Round, record
from ticketing.actions.stamp_vouchers import NOT_OURS, postponed
from ticketing.domain.errors import RouterRefused
from ticketing.gateways.routeros import Removal, Router
from ticketing.store import voucher_moves
from ticketing.store.routers import StoredRouter
from ticketing.store.vouchers import Voucher

MOST = 50  # nobody waits for it, and whoever buys meanwhile would


def take_off(means: Provisioner, router: StoredRouter, door: Router) -> Round:
    """Some of what has ended; a row that is not ours stays, and the voucher's row says so."""
    with means.database.transaction() as connection:
        over = voucher_moves.ending(connection, router.id, at=means.clock(), limit=MOST)
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
        voucher_moves.lock(connection, list(ids.values()))
        left = voucher_moves.bury(connection, foreign, note=NOT_OURS, at=at)
        done = Round(
            router.name,
            removed=left + voucher_moves.bury(connection, list(ids.values()), at=at),
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
        voucher_moves.lock(connection, [each.id for each in rows])
        done = Round(router.name, refused=voucher_moves.end_later(connection, rows, at=at))
        record(connection, done, by=means.by)
    return done
