"""Tests of the commands for routers and packages; passwords are never shown."""

import json
import os
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import trustme

from simulators.routeros.accounts import ApiAccount
from simulators.routeros.server import RouterOsSimulator
from ticketing.events.model import Event

ACCOUNT = ApiAccount("ticketing", "Tak-terbaca-1")
Ticketing = Callable[..., CompletedProcess[str]]


@pytest.fixture
def device() -> Iterator[RouterOsSimulator]:
    """Start a router with the profile `1day` and a password of its own."""
    with RouterOsSimulator(accounts=(ACCOUNT,)) as switched_on:
        switched_on.add_profile("1day")
        yield switched_on


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` with the test's database and standard input."""
    environment = {
        "PATH": os.environ["PATH"], "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"), "COLUMNS": "200",
    }  # fmt: skip

    return partial(run_ticketing, environment=environment)


@pytest.mark.slow
def test_a_router_is_added_checked_and_sold_on_without_showing_its_password(
    ticketing: Ticketing, device: RouterOsSimulator, event: Event
) -> None:
    added = ticketing(
        "routers", "create", "lobby", "--host", device.host, "--port", str(device.port),
        "--user", ACCOUNT.name, "--no-tls", given=f"{ACCOUNT.password}\n",
    )  # fmt: skip
    fits = ticketing(
        "packages", "create", "--event", event.slug, "5k", "--name", "Paket 5 ribu",
        "--price", "5000", "--profile", "1day", "--router", "lobby", "--validity", "24h",
        "--bytes", "2GB",
    )  # fmt: skip
    checked = ticketing("routers", "check", "lobby", "--json")
    unfit = ticketing("packages", "update", "--event", event.slug, "5k", "--profile", "1week")
    failed = ticketing("routers", "check", "lobby")
    kept = ticketing("routers", "delete", "lobby")
    listed = ticketing("packages", "list", "--json")
    examined = ticketing("doctor")

    told = [added, fits, checked, unfit, failed, kept, listed, examined]
    codes = [done.returncode for done in told]
    assert codes[:-1] == [0, 0, 0, 0, 1, 2, 0], [done.stderr for done in told]
    assert "packages 5k cannot be provisioned there" in examined.stdout
    assert ACCOUNT.password not in "".join(done.stdout + done.stderr for done in told)
    assert "is on sale: Paket 5 ribu, Rp5.000" in fits.stdout
    assert json.loads(checked.stdout)["mismatches"] == {}
    assert "there is no profile '1week'" in unfit.stdout + failed.stdout
    assert "packages 5k use it" in kept.stderr
    (package,) = json.loads(listed.stdout)
    assert (package["validitySeconds"], package["bytes"]) == (86_400, 2 * 10**9)
    assert (package["perOrder"], package["onSale"]) == (500, True)


def test_an_update_of_a_router_changes_only_what_is_given(ticketing: Ticketing) -> None:
    host = ["--host", "10.0.0.1"]
    created = ticketing(
        "routers", "create", "lobby", *host, "--user", "api", "--no-tls", given="secret\n"
    )
    again = ticketing("routers", "create", "lobby", *host, "--user", "api", given="x\n")
    updated = ticketing("routers", "update", "lobby", "--tls", "--json")
    unknown = ticketing("routers", "update", "attic", *host)

    codes = [done.returncode for done in (created, again, updated, unknown)]
    assert codes == [0, 2, 0, 2], created.stderr
    assert "`ticketing routers update`" in again.stderr
    router = json.loads(updated.stdout)
    assert (router["host"], router["port"], router["tls"]) == ("10.0.0.1", 8729, True)
    assert "'attic'" in unknown.stderr


def test_malformed_durations_and_sizes_are_refused_by_name(ticketing: Ticketing) -> None:
    wrong = [
        ticketing("packages", "create", "--event", "wisuda-2026", "5k", *said)
        for said in (("--validity", "1 hari"), ("--bytes", "2 giga"))
    ]

    assert [done.returncode for done in wrong] == [2, 2]
    assert "write it like 90m, 24h or 30d" in wrong[0].stderr
    assert "write it like 500MB, 2GB, 2GiB" in wrong[1].stderr


def test_a_router_is_pinned_only_to_a_certificate_that_somebody_confirms(
    ticketing: Ticketing, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert("MikroTik")
    issued.configure_cert(context)
    shown = sha256(ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())).hexdigest()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with RouterOsSimulator(accounts=(ACCOUNT,), tls=context) as device:
        create = [
            "routers", "create", "lobby", "--host", device.host, "--port", str(device.tls_port),
            "--user", ACCOUNT.name,
        ]  # fmt: skip
        unconfirmed = ticketing(*create, "--pin", given=f"{ACCOUNT.password}\n")
        created = ticketing(
            *create, "--fingerprint", shown.upper(), "--json", given=f"{ACCOUNT.password}\n"
        )
        checked = ticketing("routers", "check", "lobby")
        both = ticketing("routers", "update", "lobby", "--pin", "--authority", str(ca_file))
        changed = ticketing("routers", "update", "lobby", "--authority", str(ca_file), "--json")

    codes = [done.returncode for done in (unconfirmed, created, checked, both, changed)]
    assert codes == [2, 0, 0, 2, 0], [unconfirmed.stderr, created.stderr, checked.stderr]
    assert shown[:2].upper() + ":" in unconfirmed.stderr
    assert "--fingerprint" in unconfirmed.stderr
    assert json.loads(created.stdout)["fingerprint"] == shown
    assert json.loads(changed.stdout)["fingerprint"] is None
