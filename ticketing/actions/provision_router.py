"""A round at one router: what was left open is read back, what is owed put on, what ended off.

A voucher counts as asked for before its router hears of it. So whoever is killed anywhere leaves
either nothing done, or rows that the next one reads back: never guessed, never asked again unseen.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from ticketing.actions import router_trouble
from ticketing.actions.ask_router import TROUBLE, Wanted, as_sold, ask, read_back
from ticketing.actions.provisioning import Provisioner, Round
from ticketing.actions.stamp_vouchers import stamp
from ticketing.actions.take_off_router import take_off
from ticketing.domain.errors import Unavailable
from ticketing.domain.provisioning import may_be_asked
from ticketing.gateways.routeros import Router
from ticketing.store import packages, router_turns, routers, voucher_moves
from ticketing.store.routers import StoredRouter
from ticketing.store.vouchers import Voucher

BATCH = 300  # of a router of 5 ms a command a second and a half: whoever came with it waits so long


def serve_router(means: Provisioner, router_id: int) -> Round:
    """A round, if it is our turn; safe to repeat, to run twice at once, and to kill."""
    with router_turns.turn(means.database, router_id) as is_ours:
        with means.database.transaction() as connection:
            router = routers.by_id(connection, router_id)
        if not is_ours or not may_be_asked(router.rests_until, at=means.clock()):
            return Round(router.name)
        done = _served(means, router)
        with means.database.transaction() as connection:
            _note(connection, means, router, done)
    return done


def _served(means: Provisioner, router: StoredRouter) -> Round:
    """Step by step, until one meets trouble; a router that failed is asked first how it is."""
    done = Round(router.name)
    try:
        door = means.doors.to(router)
        if router.failures:
            door.health()
        for step in (_read_back, _place, take_off):
            done += step(means, router, door)
            if done.trouble:
                break
    except TROUBLE as error:
        return done + Round(router.name, trouble=str(error))
    except Unavailable:  # PostgreSQL: no router's fault
        raise
    except Exception as error:  # noqa: BLE001 - it is in the router's row and stops no other's
        return done + Round(router.name, trouble=f"a round ended in {type(error).__name__}")
    return done


def _note(connection: Connection, means: Provisioner, router: StoredRouter, done: Round) -> None:
    at = means.clock()
    if done.trouble:
        router_trouble.note_failure(
            connection, router, why=done.trouble, at=at, jitter=means.jitter()
        )
    elif router.failures or done != Round(router.name):
        router_trouble.note_answer(connection, router, at=at)


def _read_back(means: Provisioner, router: StoredRouter, door: Router) -> Round:
    with means.database.transaction() as connection:
        left = voucher_moves.asked(connection, router.id)
        wanted = _wanted(connection, left, means.doors.office)
    return stamp(means, router, read_back(door, wanted))


def _place(means: Provisioner, router: StoredRouter, door: Router) -> Round:
    with means.database.transaction() as connection:
        at = means.clock()
        claimed = voucher_moves.claim(connection, router.id, by=means.by, at=at, limit=BATCH)
        wanted = _wanted(connection, claimed, means.doors.office)
    return stamp(means, router, ask(door, wanted))


def _wanted(connection: Connection, vouchers: Sequence[Voucher], office: str) -> list[Wanted]:
    brought = packages.of_types(connection, list({each.ticket_type_id for each in vouchers}))
    return [as_sold(each, brought[each.ticket_type_id], office) for each in vouchers]
