"""Whatever can go wrong outside is understood out there, and is over when it is over."""

import random
from collections.abc import Iterator

import pytest

from chaos.environment import SimulatedEnvironment
from chaos.fault_schedule import FAULT_INJECTORS, clear_faults


@pytest.fixture(scope="module")
def town() -> Iterator[SimulatedEnvironment]:
    with SimulatedEnvironment(seed=1) as everybody:
        yield everybody


@pytest.mark.parametrize("spell", sorted(FAULT_INJECTORS))
def test_bad_weather_comes_and_goes(town: SimulatedEnvironment, spell: str) -> None:
    town.configure_number("+6281234567890", "has no WhatsApp")

    FAULT_INJECTORS[spell](town, random.Random(1))  # noqa: S311 - no secret
    clear_faults(town)

    quiet = {"answers": [], "banned": False, "lost": 0, "refused": {"6281234567890": 131026}}
    assert quiet.items() <= town.whatsapp.faults.to_dict().items()
    assert town.mail.faults.to_dict()["meets"] == []
    for router in town.routers.values():
        assert router.faults.take_fault("/ip/hotspot/user/add") is None
