"""The description against the service: whatever it allows is answered as it says."""

import subprocess
import sys

import httpx
import pytest

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)


@pytest.mark.usefixtures("guests")
def test_no_request_gets_a_5xx_or_an_answer_that_is_not_described(operator: httpx.Client) -> None:
    described = str(operator.base_url.join("/openapi.json"))
    key = f"Authorization: {operator.headers['Authorization']}"

    asked = subprocess.run(
        [
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
            "run", described, "-H", key, "--checks", ",".join(CHECKS), "--no-color",
            "--phases", "coverage,fuzzing", "--max-examples", "10", "--seed", "1",
        ],
        check=False, capture_output=True, text=True, timeout=240,
    )  # fmt: skip

    assert asked.returncode == 0, asked.stdout
    assert "15 selected / 15 total" in asked.stdout
