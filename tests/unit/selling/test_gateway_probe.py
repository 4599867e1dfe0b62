"""Tests of the cached look at the payment gateway: rare, never in the reader's way."""

import threading

import pytest

from ticketing.platform.kernel.errors import GatewayRefused, GatewayUnavailable
from ticketing.selling.payments.midtrans import gateway_probe
from ticketing.selling.payments.midtrans.gateway_probe import MAX_AGE_SECONDS, GatewayProbe


class Clock:
    """Seconds that a test moves forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Gateway:
    """A gateway that gives the queued answers, one for each question."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = iter(answers)
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        raise next(self.answers)


UNKNOWN_ORDER = GatewayRefused("no such order", status=404)
WRONG_KEY = GatewayRefused("unknown key", status=401)


@pytest.mark.parametrize(
    ("answer", "is_up"),
    [(UNKNOWN_ORDER, True), (WRONG_KEY, False), (GatewayUnavailable("no answer"), False)],
)
def test_a_gateway_is_up_if_it_answers_and_accepts_our_key(
    *, answer: Exception, is_up: bool
) -> None:
    assert GatewayProbe(Gateway(answer)).is_up() is is_up


def test_readers_share_an_answer_until_it_is_old() -> None:
    clock, gateway = Clock(), Gateway(UNKNOWN_ORDER, WRONG_KEY)
    probe = GatewayProbe(gateway, clock=clock)

    early = [probe.is_up() for _ in range(5)]
    clock.now += MAX_AGE_SECONDS
    late = probe.is_up()

    assert (early, late, gateway.asked) == ([True] * 5, False, 2)


def test_a_gateway_that_hangs_is_waited_for_briefly_and_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway_probe, "WAIT_SECONDS", 0.01)
    answered, asked = threading.Event(), []
    probe = GatewayProbe(lambda: asked.append(answered.wait(10)))

    unknown = [probe.is_up(), probe.is_up()]
    answered.set()
    probe._thread.join()  # type: ignore[union-attr]  # noqa: SLF001

    assert (unknown, probe.is_up(), len(asked)) == ([None, None], True, 1)
