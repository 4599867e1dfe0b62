"""Tests of unmodified third-party RouterOS libraries with the simulator."""

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import librouteros
import pytest
import routeros_api
from librouteros.exceptions import FatalError, TrapError
from librouteros.login import plain, token
from librouteros.query import Key, Or
from routeros_api.exceptions import (
    RouterOsApiCommunicationError,
    RouterOsApiConnectionError,
    RouterOsApiError,
)

from simulators.routeros.faults import RouterFault
from simulators.routeros.server import ACCOUNT, RouterOsSimulator

NODE_FOLDER = Path(__file__).parent.parent / "routeros-node"
StartRouter = Callable[..., RouterOsSimulator]


@pytest.fixture
def pool(router: RouterOsSimulator) -> Iterator[routeros_api.RouterOsApiPool]:
    connections = routeros_api.RouterOsApiPool(
        router.host, ACCOUNT.name, ACCOUNT.password, port=router.port, plaintext_login=True
    )
    yield connections
    connections.disconnect()


@pytest.fixture
def api(router: RouterOsSimulator) -> Iterator[librouteros.api.Api]:
    connection = librouteros.connect(
        router.host, ACCOUNT.name, ACCOUNT.password, port=router.port, encoding="utf-8"
    )
    yield connection
    connection.close()


def test_routeros_api_adds_finds_changes_and_removes(pool: routeros_api.RouterOsApiPool) -> None:
    users = pool.get_api().get_resource("/ip/hotspot/user")

    added = users.add(name="u1", password="pw", profile="1h", limit_uptime="1:00:00")  # noqa: S106
    users.set(id=added.done_message["ret"], comment="seen")
    found = users.get(name="u1")
    users.remove(id=found[0]["id"])

    assert (found[0]["limit-uptime"], found[0]["comment"]) == ("1h", "seen")
    assert users.get(name="u1") == []


def test_routeros_api_reports_a_duplicate(pool: routeros_api.RouterOsApiPool) -> None:
    users = pool.get_api().get_resource("/ip/hotspot/user")
    users.add(name="u1")

    with pytest.raises(RouterOsApiCommunicationError) as refused:
        users.add(name="u1")

    assert (
        refused.value.original_message
        == b"failure: already have user with this name for this server"
    )


def test_routeros_api_pipelines_commands(pool: routeros_api.RouterOsApiPool) -> None:
    users = pool.get_api().get_resource("/ip/hotspot/user")

    promises = [users.call_async("add", {"name": name}) for name in ("u1", "u1", "u2")]

    assert promises[2].get().done_message == {"ret": "*3"}
    assert promises[0].get().done_message == {"ret": "*2"}
    with pytest.raises(RouterOsApiCommunicationError):
        promises[1].get()


def test_routeros_api_answers_the_challenge_of_an_old_router(start_router: StartRouter) -> None:
    old = start_router("6.42.12")
    connections = routeros_api.RouterOsApiPool(
        old.host, ACCOUNT.name, ACCOUNT.password, port=old.port, plaintext_login=True
    )

    identity = connections.get_api().get_resource("/system/identity").get()
    connections.disconnect()

    assert identity == [{"name": "MikroTik"}]


def test_routeros_api_speaks_tls_with_an_authority_of_our_own(
    start_router: StartRouter, server_tls_context: ssl.SSLContext, ca_certificate: str
) -> None:
    router = start_router(tls=server_tls_context)
    connections = routeros_api.RouterOsApiPool(
        router.host,
        ACCOUNT.name,
        ACCOUNT.password,
        port=router.tls_port,
        plaintext_login=True,
        use_ssl=True,
        ssl_context=ssl.create_default_context(cadata=ca_certificate),
    )

    identity = connections.get_api().get_resource("/system/identity").get()
    connections.disconnect()

    assert identity == [{"name": "MikroTik"}]


@pytest.mark.parametrize("kind", ["drop", "cut", "fatal"])
def test_routeros_api_notices_a_broken_connection(
    router: RouterOsSimulator, pool: routeros_api.RouterOsApiPool, kind: str
) -> None:
    users = pool.get_api().get_resource("/ip/hotspot/user")
    router.faults.add(RouterFault(kind, "user/add"))  # type: ignore[arg-type]

    with pytest.raises((RouterOsApiError, RouterOsApiConnectionError)):
        users.add(name="u1")


def test_librouteros_adds_finds_changes_and_removes(api: librouteros.api.Api) -> None:
    users = api.path("ip", "hotspot", "user")

    first = users.add(name="u1", password="pw", comment="", disabled=False)  # noqa: S106
    second = users.add(name="u2", profile="1h")
    users.update(**{".id": second, "limit-bytes-total": 1000})
    either = Or(Key("name") == "u1", Key("name") == "u2")
    found = list(users.select(Key("name"), Key("limit-bytes-total")).where(either))
    users.remove(first, second)

    assert found == [{"name": "u1"}, {"name": "u2", "limit-bytes-total": 1000}]
    assert [row["name"] for row in users] == ["default-trial"]


def test_librouteros_reports_a_missing_item(api: librouteros.api.Api) -> None:
    users = api.path("ip", "hotspot", "user")

    with pytest.raises(TrapError, match="no such item") as refused:
        users.remove("*99")

    assert refused.value.category == 0


def test_librouteros_reports_a_fatal_error(
    router: RouterOsSimulator, api: librouteros.api.Api
) -> None:
    router.faults.add(RouterFault("fatal", message="session terminated"))

    with pytest.raises(FatalError, match="session terminated"):
        list(api("/system/identity/print"))


@pytest.mark.parametrize(
    ("version", "method"), [("6.42.12", token), ("7.18.2", plain), ("6.49.10", plain)]
)
def test_librouteros_logs_in_both_ways(
    start_router: StartRouter, version: str, method: Callable[..., None]
) -> None:
    router = start_router(version)

    connection = librouteros.connect(
        router.host, ACCOUNT.name, ACCOUNT.password, port=router.port, login_method=method
    )
    identity = list(connection("/system/identity/print"))
    connection.close()

    assert identity == [{"name": "MikroTik"}]


def test_librouteros_pipelines_commands(router: RouterOsSimulator) -> None:
    async def names() -> list[str]:
        connection = await librouteros.async_connect(
            router.host, ACCOUNT.name, ACCOUNT.password, port=router.port
        )
        users = connection.path("ip", "hotspot", "user")
        await users.add(name="u1")
        found = [row["name"] async for row in users]
        await connection.close()
        return found

    assert asyncio.run(names()) == ["default-trial", "u1"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (NODE_FOLDER / "node_modules").exists(),
    reason="run `npm install` in tests/contract/routeros-node first",
)
@pytest.mark.parametrize("version", ["6.42.12", "7.17.2"])  # it breaks off at `!empty` of 7.18
@pytest.mark.process
def test_the_node_library_adds_finds_changes_and_removes(
    start_router: StartRouter, version: str
) -> None:
    account = {"user": ACCOUNT.name, "password": ACCOUNT.password}
    given = json.dumps({"port": start_router(version).port, **account})

    ran = subprocess.run(
        ["node", "all_calls.js", given],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ran.stderr == ""
    assert json.loads(ran.stdout) == {
        "id": "*2",
        "duplicate": "failure: already have user with this name for this server",
        "uptime": "1h30m",
        "listed": [
            {"name": "default-trial", "comment": "counters and limits for trial users"},
            {"name": "node-1", "comment": "seen"},
        ],
        "together": ["*3", "*4", "*5"],
        "identity": "MikroTik",
        "wrongPassword": "Username or password is invalid",
    }
