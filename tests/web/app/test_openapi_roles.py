"""Property test: what the schema allows, sent with each role, reaches nothing above the role.

`SCHEMATHESIS_EXAMPLES=50` tries more requests of each operation.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

from ticketing.access.admin_actions import WAYS
from ticketing.access.caller import Role

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "1"))
READS_BY_POST = {"POST /api/tickets/validate"}
ENDLESS = {"/voucher/api/stream", "/admin/sync-pembayaran/events"}
# all that the key of a phone at an entrance opens
OF_GATES = {
    "POST /api/checkins", "POST /api/checkins/batch", "POST /api/checkins/{nonce}/undo",
    "POST /api/events/{event}/checkins/read-picture",
    "GET /api/events/{event}/checkins/counts", "GET /api/events/{event}/checkins/search",
    "GET /api/events/{event}/checkin-lists", "GET /api/events/{event}/gate-pack",
}  # fmt: skip
NOBODY = "nobody"
_SETTINGS = settings(
    max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def _operations(document: dict[str, Any], base_url: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base_url)
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in ENDLESS:
            yield operation


def _allowed_refusals(name: str, role: str, *, is_open: bool) -> set[int] | None:
    """Return the only statuses that a role may get from an operation; None for any."""
    if is_open:
        return None
    if role == NOBODY:
        return {401}
    if role == Role.GATE:
        return None if name in OF_GATES else {403}
    only_admins = {way.operation for way in WAYS.values() if way.operation and not way.only_with}
    is_change = not name.startswith("GET ") and name not in READS_BY_POST
    is_above = (role == Role.VIEWER and is_change) or (role != Role.ADMIN and name in only_admins)
    return {403} if is_above else None


@pytest.mark.usefixtures("guests")
def test_no_role_gets_a_5xx_or_reaches_what_is_above_it(
    shop: httpx.Client,
    sell: Callable[..., int],
    order: Callable[..., dict[str, Any]],
    key_of: Callable[[Role], str],
) -> None:
    order(sell(capacity=None))
    callers = {NOBODY: {}} | {role: {"X-API-Key": key_of(role)} for role in Role}
    document = shop.get("/openapi.json", headers=callers[Role.VIEWER]).json()
    faults: list[str] = []
    sent = 0

    def send_as_everybody(case: Any) -> None:  # noqa: ANN401 - schemathesis' own
        nonlocal sent
        operation = case.operation
        name = f"{operation.method.upper()} {operation.path}"
        documented = {int(code) for code in operation.definition.raw["responses"]}
        is_open = "bearer" not in str(operation.definition.raw.get("security"))
        # an idempotency key is looked up before the role, and belongs to one caller
        for invented in ("Authorization", "X-API-Key", "Idempotency-Key"):
            case.headers.pop(invented, None)
        for role, headers in callers.items():
            status = case.call(headers=headers).status_code
            sent += 1
            allowed = _allowed_refusals(name, role, is_open=is_open)
            if status >= 500 or status not in (allowed or documented):
                faults.append(f"{role}: {name} {case.as_curl_command()} answered {status}")

    for operation in _operations(document, str(shop.base_url)):
        seed(1)(_SETTINGS(given(case=operation.as_strategy())(send_as_everybody)))()

    assert faults == []
    operations = sum(len(path) for path in document["paths"].values())
    assert sent >= 4 * (operations - len(ENDLESS))
