"""Tests of the fault schedule: each fault reaches the simulator and is cleared."""

import random
from collections.abc import Iterator

import pytest

from chaos.environment import SimulatedEnvironment
from chaos.fault_schedule import FAULT_INJECTORS, clear_faults


@pytest.fixture(scope="module")
def environment() -> Iterator[SimulatedEnvironment]:
    with SimulatedEnvironment(seed=1) as everybody:
        yield everybody


@pytest.mark.parametrize("fault", sorted(FAULT_INJECTORS))
def test_each_fault_reaches_the_simulators_and_is_cleared(
    environment: SimulatedEnvironment, fault: str
) -> None:
    environment.configure_number("+6281234567890", "has no WhatsApp")

    FAULT_INJECTORS[fault](environment, random.Random(1))  # noqa: S311 - no secret
    clear_faults(environment)

    quiet = {"answers": [], "banned": False, "lost": 0, "refused": {"6281234567890": 131026}}
    assert quiet.items() <= environment.whatsapp.faults.to_dict().items()
    assert environment.mail.faults.to_dict()["meets"] == []
    for router in environment.routers.values():
        assert router.faults.take_fault("/ip/hotspot/user/add") is None
