"""The description against the service: whatever it allows is answered as it says."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ticketing.access.queries import Role

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
ENDLESS = "/voucher/api/stream"  # has tests of its own


@pytest.mark.usefixtures("guests")
def test_no_request_gets_a_5xx_or_an_answer_that_is_not_described(
    shop: httpx.Client,
    sell: Callable[..., int],
    order: Callable[..., dict[str, Any]],
    key_of: Callable[[Role], str],
) -> None:
    described = str(shop.base_url.join("/openapi.json"))
    operations = sum(len(path) for path in shop.get(described).json()["paths"].values())
    token = order(sell(capacity=None))["token"]

    asked = subprocess.run(
        [
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
            "run", described, "-H", f"Authorization: Bearer {key_of(Role.OPERATOR)}",
            "-H", f"X-Order-Token: {token}", "--checks", ",".join(CHECKS), "--no-color",
            "--phases", "coverage,fuzzing", "--max-examples", "10", "--seed", "1",
            "--exclude-path", ENDLESS,
        ],
        check=False, capture_output=True, text=True, timeout=900,
    )  # fmt: skip

    assert asked.returncode == 0, asked.stdout
    assert f"{operations - 1} selected / {operations} total" in asked.stdout
