"""Test of a sale during which processes are killed and vendors fail: nothing is lost or doubled."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.environment import ROUTERS
from ticketing.platform.paths import PROJECT_ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.process]

VICTIMS = {"web", "worker", "run", "PostgreSQL"}


def test_a_short_sale_survives_killed_processes_and_failing_vendors(tmp_path: Path) -> None:
    # so many purchases at the least, however slow the machine
    options = ["--seconds", "4", "--lines", "4", "--purchases", "3", "--calm", "15", "--seed", "5"]

    told = subprocess.run(
        [sys.executable, "-m", "chaos", *options, "--keep", str(tmp_path)],
        cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    assert told.stdout, told.stderr
    report = json.loads(told.stdout)
    assert report["violations"] == []
    assert set(report["killed"]) <= VICTIMS
    assert report["payments"].get("settlement", 0) + report["payments"].get("capture", 0) > 0
    assert report["purchases"] > 0
    assert report["on routers"] > len(ROUTERS)  # each has somebody else's from the beginning
    assert set(report["accepted"]) == {"whatsapp", "mail"}
    assert told.returncode == 0
