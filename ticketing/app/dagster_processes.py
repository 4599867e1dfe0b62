"""The processes of Dagster: code server, daemon and page, each of which may die alone."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ticketing.platform.kernel.process_supervisor import FreePorts, ProcessSpec

CODE_SERVER_PORT = 3030
CODE_MODULE, LOCATION = "ticket_assets.definitions", "ticket_assets"  # as in workspace.yaml
WORKSPACE = """\
# written by `ticketing up` at each start
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {location}}}
"""


def dagster_processes(
    home: Path, logs: Path, ports: FreePorts, *, host: str, port: int
) -> Iterator[ProcessSpec]:
    """Yield Dagster's processes; the page listens on a host and a port.

    `dagster dev` would start its own webserver, which asks nobody to sign in.
    """
    code_port = ports.take(CODE_SERVER_PORT)
    workspace = home / "workspace.yaml"
    workspace.write_text(WORKSPACE.format(port=code_port, location=LOCATION), encoding="utf-8")
    chosen = ["-w", str(workspace)]
    code = ["api", "grpc", "-m", CODE_MODULE, "-h", "127.0.0.1", "-p", str(code_port)]
    code += ["--location-name", LOCATION, "--use-python-environment-entry-point"]
    page = ["--workspace", str(workspace), "--host", host, "--port", str(port)]
    yield ProcessSpec(_module("dagster", *code), logs / "dagster-code.log")
    yield ProcessSpec(_module("dagster._daemon", "run", *chosen), logs / "dagster-daemon.log")
    yield ProcessSpec(_module("dagster_page", *page), logs / "dagster-page.log")


def _module(name: str, *arguments: str) -> list[str]:
    # warnings of Dagster's about itself fill the logs
    return [sys.executable, "-W", "ignore", "-m", name, *arguments]
