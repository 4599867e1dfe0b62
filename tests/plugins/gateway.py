"""A client of the payment gateway that repeats failed calls at once."""

import pytest

from ticketing.selling.payments.midtrans import http_client


@pytest.fixture
def impatient_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients of this process repeat at once.

    A patch, because nothing else of the application chooses the delay; the contract tests of the
    client prove its length.
    """
    monkeypatch.setattr(http_client, "_INITIAL_BACKOFF_SECONDS", 0.001)
