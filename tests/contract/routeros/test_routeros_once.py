"""Property test: after any faults, repeated adding and reading creates each voucher once."""

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import get_args

import pytest

from simulators.routeros.faults import Kind as FaultKind
from simulators.routeros.faults import RouterFault
from simulators.routeros.server import RouterOsSimulator
from ticketing.platform.kernel.errors import RouterRefused, RouterUnavailable
from ticketing.routers.credentials import CodeRule
from ticketing.routers.model import HotspotUser, Marker, RowMatch, match_row
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.client import RouterClient

PATIENCE_SECONDS = 120  # the machine may have other work


@pytest.fixture
def short_timeout_client(account: RouterAccount) -> Iterator[RouterClient]:
    """Open our client with a timeout of half a second, which is sometimes too short."""
    with RouterClient(account, answer_seconds=0.5) as ours:
        yield ours


@pytest.fixture
def add_until_present(
    short_timeout_client: RouterClient,
) -> Callable[[list[HotspotUser]], Iterator[list[HotspotUser]]]:
    """Return a function that adds users and reads them back until all exist; yields the missing."""
    deadline = time.monotonic() + PATIENCE_SECONDS

    def rounds(owed: list[HotspotUser]) -> Iterator[list[HotspotUser]]:
        while owed and time.monotonic() < deadline:
            try:
                short_timeout_client.add(owed)
                present = short_timeout_client.find(user.name for user in owed)
            except (RouterUnavailable, RouterRefused):
                present = []
                time.sleep(0.01)  # one that restarts is not there for a while
            owed = [user for user in owed if match_row(user, present) is not RowMatch.OURS]
            yield owed

    return rounds


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_each_voucher_is_there_exactly_once(
    router: RouterOsSimulator,
    add_until_present: Callable[[list[HotspotUser]], Iterator[list[HotspotUser]]],
    seed: int,
) -> None:
    chance = Random(seed)  # noqa: S311 - the same faults in every run
    rule = CodeRule(prefix="gsp")
    drawn = [rule.generate_credentials(chance.randbytes(rule.random_bytes)) for _ in range(500)]
    owed = [
        HotspotUser(each, "1h", Marker("gsp", f"ORD-{number}", each.name))
        for number, each in enumerate(drawn)
    ]
    kinds: list[FaultKind] = chance.choices(get_args(FaultKind), k=25)
    router.faults.add(
        *(RouterFault(kind, "", skip=chance.randrange(200), seconds=0.05) for kind in kinds)
    )

    *_, left = add_until_present(owed)

    assert left == []
    assert sorted(user["comment"] for user in router.users()) == sorted(
        str(user.marker) for user in owed
    )
