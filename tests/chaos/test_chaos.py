"""Web, worker, Dagster's run and PostgreSQL die in a sale, and no rupiah is lost by it."""

import json
import subprocess
import sys
from pathlib import Path

from ticketing.settings import CHECKOUT

VICTIMS = {"web", "worker", "run", "PostgreSQL"}


def test_a_short_sale_in_which_everything_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chaos", "--seconds", "16", "--seed", "5"]

    told = subprocess.run(
        [*command, "--keep", str(tmp_path)],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip

    assert told.stdout, told.stderr
    report = json.loads(told.stdout)
    assert report["offences"] == []
    assert set(report["killed"]) <= VICTIMS
    assert report["payments"].get("settlement", 0) + report["payments"].get("capture", 0) > 0
    assert told.returncode == 0
