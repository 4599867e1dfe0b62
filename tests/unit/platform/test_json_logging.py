"""Tests of JSON log lines, which hold no private data."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ticketing.platform.kernel import json_logging


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Configure logging at INFO to a file; reset it afterwards."""
    path = tmp_path / "deep" / "ticketing.jsonl"
    json_logging.configure("INFO", path)
    yield path
    json_logging.configure("INFO", Path("-"))
    structlog.reset_defaults()


def test_a_line_has_time_level_service_message_and_data(log_file: Path) -> None:
    structlog.get_logger("ticketing").info("tickets issued", job=7, created=500)

    line = json.loads(log_file.read_text(encoding="utf-8"))

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "service": "ticket-assets",
        "message": "tickets issued",
        "data": {"job": 7, "created": 500},
    }


@pytest.mark.parametrize(
    "name",
    ["token", "qr_text", "phone", "recipient_email", "MASTER_SECRET", "magic_link", "fullname"],
)
def test_a_private_value_is_withheld_from_every_logger(log_file: Path, name: str) -> None:
    structlog.get_logger("ticketing").error("something", **{name: "0811-2233"})

    assert "0811-2233" not in log_file.read_text(encoding="utf-8")


def test_a_level_below_the_chosen_one_is_left_out(log_file: Path) -> None:
    structlog.get_logger("ticketing").debug("noise")

    assert not log_file.exists()


def test_a_rotated_log_file_is_created_again(log_file: Path) -> None:
    structlog.get_logger("ticketing").info("before")
    log_file.rename(log_file.with_suffix(".1"))

    structlog.get_logger("ticketing").info("after")

    assert "after" in log_file.read_text(encoding="utf-8")
