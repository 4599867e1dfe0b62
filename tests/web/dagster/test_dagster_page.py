"""Tests of Dagster's page behind the sign-in: what each role and each stranger gets."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import select
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dagster_page import guard
from dagster_page.guard import MUTATION_ACTION
from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import SESSION_COOKIE
from ticketing.access.users.manage import end_sessions
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.http.services import now

MUTATION = "mutation { setNuxSeen }"
START = """mutation { launchRun(executionParams: {mode: "default", selector: {
    repositoryLocationName: "jobs", repositoryName: "__repository__", jobName: "greet"}})
    { __typename } }"""


@pytest.fixture
def client_of(
    page_address: str, session_of: Callable[..., str], client_with: Callable[..., httpx.Client]
) -> Callable[..., httpx.Client]:
    """Return a function that opens a client of the page with the session of a new user."""

    def client(role: Role, event_ids: list[int] | None = None) -> httpx.Client:
        opened = client_with(
            Cookie=f"{SESSION_COOKIE}={session_of(role, event_ids)}", Origin=page_address
        )
        opened.base_url = httpx.URL(page_address)
        return opened

    return client


def test_each_role_gets_what_it_may_do_and_strangers_nothing(
    client_of: Callable[..., httpx.Client],
    client_with: Callable[..., httpx.Client],
    page_address: str,
    database: Database,
    run_count: Callable[[], int],
) -> None:
    viewer, operator = client_of(Role.VIEWER), client_of(Role.OPERATOR)
    stranger, evil = client_with(), {"Origin": "http://evil.test"}
    stranger.base_url = httpx.URL(page_address)
    html, known = {"Accept": "text/html"}, run_count()

    def graphql(client: httpx.Client, query: str, **headers: str) -> int:
        return client.post("/graphql", json={"query": query}, headers=headers).status_code

    led = stranger.get("/runs?q=a", headers=html)
    assert (led.status_code, led.headers["Location"]) == (303, "/sign-in?next=%2Fruns%3Fq%3Da")
    for path in ("/", "/server_info", "/logs/x", "/graphql?query={version}"):
        assert stranger.get(path).status_code == 401
    assert stranger.get("/sign-in").status_code == 200
    assert operator.get("/", headers={"Host": "evil.test"}).status_code == 421
    assert client_of(Role.ADMIN, [1]).get("/").status_code == 403
    assert graphql(viewer, "{ version }") == graphql(operator, "{ version }") == 200
    assert (graphql(viewer, MUTATION), graphql(operator, MUTATION)) == (403, 200)
    hidden = "mutation { ...all } fragment all on Mutation { setNuxSeen }"
    assert graphql(viewer, hidden) == 403
    assert stranger.post("/sign-in", content=b"x" * 2**21).status_code == 413
    assert viewer.post("/report_asset_materialization/a").status_code == 403
    assert graphql(operator, START, **evil) == 403
    assert operator.get("/graphql", params={"query": "{ version }"}).status_code == 200
    for query in (START, f"query a {{ version }} {START}"):
        by_get = operator.get("/graphql", params={"query": query, "operationName": "a"})
        assert by_get.status_code == 405
    in_address = operator.post("/graphql", params={"query": START}, json={"query": "{ version }"})
    assert in_address.status_code == 400
    for other in ("text/plain", "application/graphql", "application/x-www-form-urlencoded"):
        as_other = operator.post("/graphql", content=START, headers={"Content-Type": other})
        assert as_other.status_code == 415
    assert run_count() == known
    assert graphql(operator, START) == 200
    assert run_count() == known + 1
    with database.transaction() as connection:
        actions = select(audit_log.c.actor, audit_log.c.subject).order_by(audit_log.c.id)
        recorded = connection.execute(actions.where(audit_log.c.action == MUTATION_ACTION)).all()
    assert recorded == [("user:operator-1", "setNuxSeen"), ("user:operator-1", "launchRun")]


def test_a_websocket_needs_a_session_and_an_origin_and_ends_with_the_session(
    page_address: str,
    session_of: Callable[..., str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "SESSION_CHECK_SECONDS", 0.05)
    url = page_address.replace("http", "ws") + "/graphql"
    cookie = {"Cookie": f"{SESSION_COOKIE}={session_of(Role.VIEWER)}"}
    protocol = ["graphql-ws"]

    for origin, headers in ((page_address, {}), ("http://evil.test", cookie), (None, cookie)):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, origin=origin, additional_headers=headers, subprotocols=protocol)
        assert refused.value.response.status_code == 403

    with connect(
        url, origin=page_address, additional_headers=cookie, subprotocols=protocol
    ) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(timeout=60))["type"] == "connection_ack"
        end_sessions(database, "viewer-0", by="test", at=now())
        with pytest.raises(Exception, match="1008"):
            socket.recv(timeout=60)


ATTACK = """<!doctype html><title>start</title>
<iframe src="{page}/graphql?query={get}"></iframe>
<form id="form" method="post" action="{page}/graphql?query={get}" target="frame"></form>
<iframe name="frame" id="frame"></iframe>
<p id="socket">waiting</p>
<script>
const socket = new WebSocket("{page}/graphql".replace("http", "ws"), "graphql-ws");
socket.onopen = () => (document.getElementById("socket").textContent = "open");
socket.onclose = () => (document.getElementById("socket").textContent = "closed");
const body = JSON.stringify({{ query: decodeURIComponent("{get}") }});
fetch("{page}/graphql", {{ method: "POST", body, credentials: "include", mode: "no-cors" }});
document.getElementById("form").submit();
</script>"""


@pytest.fixture
def evil_address(page_address: str) -> Iterator[str]:
    """Serve the page of somebody else, from this machine as browsers demand; return its address."""
    attack = ATTACK.format(page=page_address, get=quote(START)).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(attack)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.browser
def test_a_page_of_somebody_else_starts_nothing_in_the_browser_of_an_operator(
    browser: Browser,
    page_address: str,
    evil_address: str,
    session_of: Callable[..., str],
    run_count: Callable[[], int],
    add_session: Callable[[BrowserContext, str, str], None],
) -> None:
    context = browser.new_context()
    add_session(context, page_address, session_of(Role.OPERATOR))
    # another port is another origin of the same site: the cookie is sent, whatever SameSite says
    evil, known = context.new_page(), run_count()
    statuses: list[tuple[str, int]] = []
    evil.on("response", lambda one: statuses.append((one.request.method, one.status)))

    evil.goto(evil_address)
    expect(evil.locator("#socket")).to_have_text("closed")
    evil.wait_for_load_state("networkidle")

    refused = [one for one in statuses if one[1] != 200]
    assert sorted(refused) == [("GET", 405), ("POST", 403), ("POST", 403)]
    assert run_count() == known
    context.close()


@pytest.mark.browser
def test_an_operator_sees_the_page_and_starts_a_run(
    browser: Browser,
    page_address: str,
    session_of: Callable[..., str],
    run_count: Callable[[], int],
    add_session: Callable[[BrowserContext, str, str], None],
) -> None:
    page, known = browser.new_page(viewport={"width": 1400, "height": 900}), run_count()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    hosts: set[str] = set()
    page.on("request", lambda one: hosts.add(httpx.URL(one.url).host))
    add_session(page.context, page_address, session_of(Role.OPERATOR))

    page.goto(f"{page_address}/locations/jobs/jobs/greet/playground")
    page.get_by_role("button", name="Launch Run").click()
    expect(page.get_by_text("Queued").first).to_be_visible()

    assert run_count() == known + 1
    assert hosts <= {"127.0.0.1", ""}
    assert [line for line in complaints if "Content Security Policy" in line] == []
    page.close()
