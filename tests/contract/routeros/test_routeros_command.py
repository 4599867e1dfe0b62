"""Tests of `python -m simulators.routeros` as a process."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from simulators.routeros.teletype import RawApiClient
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.client import RouterClient

pytestmark = pytest.mark.process

StartProcess = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_process() -> Iterator[StartProcess]:
    with ExitStack() as processes:

        def start(*options: str) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "simulators.routeros", "--port=0", *options]
            process = processes.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            )
            processes.callback(process.terminate)
            return process

        yield start


def test_it_prints_its_address_and_ends_on_a_signal(start_process: StartProcess) -> None:
    process = start_process("--profile=1h", "--user=me", "--password=mine", "--version=7.9.2")
    assert process.stdout
    said = process.stdout.readline()
    wire = RawApiClient("127.0.0.1", int(said.rsplit(":", 1)[1]))

    logged_in = wire.ask("/login", "=name=me", "=password=mine")
    profiles = wire.ask("/ip/hotspot/user/profile/print", "=.proplist=name", replies=3)
    wire.socket.close()
    process.send_signal(signal.SIGTERM)

    assert said.startswith("RouterOS 7.9.2 simulator: 127.0.0.1:")
    assert logged_in == [["!done"]]
    assert profiles[1] == ["!re", "=name=1h"]
    assert process.wait(timeout=60) == 0


def test_it_speaks_tls_with_a_certificate(
    start_process: StartProcess, authority: trustme.CA, ca_certificate: str, tmp_path: Path
) -> None:
    certificate = tmp_path / "router.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    process = start_process(f"--certificate={certificate}", "--tls-port=0", "--command-ms=1")
    assert process.stdout
    port = int(process.stdout.readline().rsplit(" ", 1)[1])
    account = RouterAccount(
        "cafe", "127.0.0.1", "ticketing", "simulator-password", port, ca_certificate=ca_certificate
    )

    with RouterClient(account) as client:
        assert client.health().identity == "MikroTik"
