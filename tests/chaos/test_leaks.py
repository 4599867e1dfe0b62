"""Tests of the search for secrets in logs."""

from pathlib import Path

import pytest

from chaos.leaks import find_leaks, log_files


@pytest.mark.parametrize(
    "log", ["web.out", "logs/ticketing.jsonl", "postgres/server.log", "d/compute_logs/run/step"]
)
def test_every_log_is_searched(tmp_path: Path, log: str) -> None:
    path = tmp_path / log
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("placed kopi-abc on the router")

    (found,) = log_files(tmp_path)

    assert [*find_leaks([(log, found.read_bytes())], ["kopi-abc", "kopi-xyz"])] == [
        f"{log}: 1 secrets found"
    ]


def test_files_other_than_logs_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / "master.secret").touch()

    assert log_files(tmp_path) == []
    assert [*find_leaks([("web.out", b"all is well")], ["kopi-abc"])] == []
