"""Tests that compose files and systemd units name commands, settings and files that exist."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from ticketing.app.cli import app
from ticketing.platform.paths import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
COMPOSE = ("compose.yaml", "compose.rehearsal.yaml")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OF_IMAGES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "PATH"}
WITHOUT_PORT = {"migrate", "worker"}
OPERATED = {"web", "worker", "dagster-code", "dagster-daemon", "dagster-webserver"}


def _settings() -> set[str]:
    text = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^# ([A-Z_]+)=", text, re.MULTILINE)) | OF_IMAGES


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return loaded


def _check_command(words: Sequence[str]) -> None:
    """Parse a command as its program would; fail on an unknown command or option."""
    if words[:3] == ["ticketing", "run", "--"]:
        _check_program(words[3:])
    elif words[0] == "ticketing":
        group = get_command(app)
        with group.make_context("ticketing", [words[1], "--help"], resilient_parsing=True):
            command = group.get_command(None, words[1])  # type: ignore[attr-defined]  # a group
            assert command is not None, words
            command.make_context(words[1], [*words[2:]])
    else:
        _check_program(words)


def _check_program(words: Sequence[str]) -> None:
    assert shutil.which(words[0], path=str(Path(sys.executable).parent)), words
    if words[:3] == ["python", "-m", "dagster_page"]:
        source = (PROJECT_ROOT / "dagster_page/__main__.py").read_text(encoding="utf-8")
        assert {word for word in words if word.startswith("--")} <= set(
            re.findall("--[a-z]+", source)
        )


def _commands(service: dict[str, Any]) -> Iterator[list[str]]:
    command = service.get("command")
    if command and command[0] == "sh":
        yield from (shlex.split(part.replace("exec ", "")) for part in command[2].split("&&"))
    elif command:
        yield command
    health = service.get("healthcheck", {}).get("test", ["CMD", "python"])
    if health[1] != "pg_isready":
        yield health[1:]


@pytest.mark.parametrize("name", COMPOSE)
def test_every_command_and_variable_of_a_compose_file_exists(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    services = _load(name)["services"]

    for service in services.values():
        for words in _commands(service):
            _check_command(words)
    named = set(re.findall(r"\$\{([A-Z_]+)", text))
    given = {key for service in services.values() for key in service.get("environment", {})}
    assert named | given <= _settings()


@pytest.mark.parametrize("name", COMPOSE)
def test_the_parts_of_a_compose_file_fit_together(name: str) -> None:
    file = _load(name)
    services = file["services"]

    for label, service in services.items():
        assert service.get("depends_on", {}).keys() <= services.keys()
        assert service["read_only"] is True
        assert "healthcheck" in service or label in WITHOUT_PORT
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            known = source in file["volumes"] or (DEPLOY / source).is_file()
            assert known, volume


def test_production_has_a_service_for_each_process() -> None:
    services = _load("compose.yaml")["services"]

    assert services.keys() == OPERATED | {"postgres", "migrate"}
    assert {unit.stem.removeprefix("ticketing-") for unit in UNITS} == OPERATED | {"migrate"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_every_command_and_variable_of_a_unit_exists(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")

    [started] = re.findall(r"^ExecStart=\S+/(ticketing .*)$", text, re.MULTILINE)
    _check_command(shlex.split(started))
    [given] = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
    assert {pair.partition("=")[0] for pair in given.split()} <= _settings()
    target = (DEPLOY / "systemd/ticketing.target").read_text(encoding="utf-8")
    assert unit.name in target or unit.stem == "ticketing-migrate"
    for path in re.findall(r"/srv/ticketing/(deploy/\S+)", text):
        assert (PROJECT_ROOT / path).is_file()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    program, units = tmp_path / "ticketing", tmp_path / "units"
    program.symlink_to(Path(sys.executable).with_name("ticketing"))  # its path may have spaces
    units.mkdir()
    for unit in [*UNITS, DEPLOY / "systemd/ticketing.target"]:
        text = unit.read_text(encoding="utf-8")
        installed = re.sub(r"/srv/ticketing/.venv/bin/ticketing", str(program), text)
        (units / unit.name).write_text(installed, encoding="utf-8")

    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
         *map(str, sorted(units.iterdir()))],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    ours = [line for line in found.stderr.splitlines() if "ticketing" in line]
    assert (found.returncode, ours) == (0, [])
