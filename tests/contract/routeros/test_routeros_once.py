"""Whatever goes wrong and however often, looking again leads to each voucher there exactly once."""

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
from ticketing.routers.routeros.client import RouterClient
from ticketing.routers.routeros.transport import RouterAccount

PATIENCE_SECONDS = 120  # the machine may have other work


@pytest.fixture
def hasty(account: RouterAccount) -> Iterator[RouterClient]:
    """Our gateway, which takes half a second for silence: sometimes wrongly."""
    with RouterClient(account, answer_seconds=0.5) as ours:
        yield ours


@pytest.fixture
def put(hasty: RouterClient) -> Callable[[list[HotspotUser]], Iterator[list[HotspotUser]]]:
    """What is still owed, after each round of asking for it and looking; ends with nothing."""
    deadline = time.monotonic() + PATIENCE_SECONDS

    def rounds(owed: list[HotspotUser]) -> Iterator[list[HotspotUser]]:
        while owed and time.monotonic() < deadline:
            try:
                hasty.add(owed)
                present = hasty.find(user.name for user in owed)
            except (RouterUnavailable, RouterRefused):
                present = []
                time.sleep(0.01)  # one that restarts is not there for a while
            owed = [user for user in owed if match_row(user, present) is not RowMatch.OURS]
            yield owed

    return rounds


@pytest.mark.parametrize("seed", range(4))
def test_each_voucher_is_there_exactly_once(
    router: RouterOsSimulator,
    put: Callable[[list[HotspotUser]], Iterator[list[HotspotUser]]],
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

    *_, left = put(owed)

    assert left == []
    assert sorted(user["comment"] for user in router.users()) == sorted(
        str(user.marker) for user in owed
    )
