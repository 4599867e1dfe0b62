"""Property test: every request that the schema allows gets a documented response."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ticketing.access.caller import Role

pytestmark = [pytest.mark.slow, pytest.mark.process]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
ENDLESS = {"/voucher/api/stream", "/admin/sync-pembayaran/events"}  # has tests of its own
GROUPS = (("orders", "payment"), ("vouchers",), ("tickets", "batches", "events", "gate"))


@pytest.mark.usefixtures("guests")
@pytest.mark.parametrize("tags", [*GROUPS, ()], ids=lambda tags: " ".join(tags) or "all others")
def test_no_request_gets_a_5xx_or_an_undocumented_response(
    shop: httpx.Client,
    sell: Callable[..., int],
    order: Callable[..., dict[str, Any]],
    key_of: Callable[[Role], str],
    tags: tuple[str, ...],
) -> None:
    described = str(shop.base_url.join("/openapi.json"))
    key = key_of(Role.OPERATOR)
    paths = shop.get(described, headers={"X-API-Key": key}).json()["paths"]
    operations = [
        operation
        for name, path in paths.items()
        for operation in path.values()
        if name not in ENDLESS
    ]
    total = sum(len(path) for path in paths.values())
    elsewhere = {tag for group in GROUPS for tag in group}
    selected = [
        operation
        for operation in operations
        if (elsewhere.isdisjoint(operation["tags"]) if not tags else operation["tags"][0] in tags)
    ]
    choice = [f"--include-tag={tag}" for tag in tags]
    if not tags:
        choice = [f"--exclude-tag={tag}" for tag in sorted(elsewhere)]
    token = order(sell(capacity=None))["token"]

    asked = subprocess.run(
        [
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
            "run", described, "-H", f"Authorization: Bearer {key}",
            "-H", f"X-Order-Token: {token}", "--checks", ",".join(CHECKS), "--no-color",
            "--phases", "coverage,fuzzing", "--max-examples", "6", "--seed", "1",
            *(f"--exclude-path={path}" for path in sorted(ENDLESS)), *choice,
        ],
        check=False, capture_output=True, text=True, timeout=900,
    )  # fmt: skip

    assert asked.returncode == 0, asked.stdout
    assert len(operations) == total - len(ENDLESS)
    assert f"{len(selected)} selected / {total} total" in asked.stdout
