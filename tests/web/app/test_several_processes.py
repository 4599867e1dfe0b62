"""Tests that two web services on one database have the limits and metrics of one."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx

from ticketing.access.caller import Role
from ticketing.platform.application import Application

LIMITED = "/api/client-address"
A_MINUTE = 30
FEW = 10  # until both have shared, four times a second


def test_what_is_spent_at_one_service_is_missing_at_the_other(
    open_test_application: Callable[..., AbstractContextManager[Application]],
    serve: Callable[..., AbstractContextManager[str]],
    key_of: Callable[[Role], str],
    database_url: str,
    tmp_path: Path,
) -> None:
    key = {"X-API-Key": key_of(Role.VIEWER)}
    with (
        open_test_application(database_url, tmp_path, web_requests_a_minute=A_MINUTE) as one,
        open_test_application(database_url, tmp_path, web_requests_a_minute=A_MINUTE) as other,
        serve(one) as here,
        serve(other) as there,
        httpx.Client(headers=key) as client,
    ):
        for _ in range(A_MINUTE):
            client.get(here + LIMITED)
        passed = 0
        while passed < A_MINUTE and client.get(there + LIMITED).is_success:
            passed += 1
            time.sleep(0.1)
        told = client.get(f"{there}/metrics").text

    assert passed <= FEW
    [line] = [
        line for line in told.splitlines()
        if line.startswith("ticketing_http_requests_total{")
        and f'route="{LIMITED}"' in line and 'code="200"' in line
    ]  # fmt: skip
    assert float(line.rpartition(" ")[2]) == A_MINUTE + passed
