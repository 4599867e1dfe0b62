"""Tests of the billing simulator with an independent client (httpx), over its port."""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import trustme

from simulators.billing.credentials import PASSWORD, TOKEN, USER
from simulators.billing.faults import FAULT_NAMES, choose_fault
from simulators.billing.limits import LIMITERS, LimiterKind
from simulators.billing.listing import StudentPages
from simulators.billing.school import School
from simulators.billing.server import BillingSimulator

STUDENT = "0000007"
RECORD = f"/payments/{STUDENT}"


@pytest.fixture(scope="module")
def running() -> Iterator[BillingSimulator]:
    with BillingSimulator(450) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def connection(running: BillingSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=5, trust_env=False) as somebody:
        yield somebody


@pytest.fixture
def billing(running: BillingSimulator) -> Iterator[BillingSimulator]:
    """Return the running simulator; switches and counters are reset afterwards."""
    before = running.api.to_dict()
    yield running
    running.api.set(**before)
    running.api.counters.reset()


def read(client: httpx.Client, path: str, **query: object) -> dict[str, Any]:
    answer = client.get(path, params=query)  # type: ignore[arg-type]
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def ids(page: dict[str, Any]) -> list[str]:
    return [student["idperson"] for student in page["data"]]


def bills_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    (person,) = record["data"]
    return [
        item
        for period in person["periods"]
        for category in period["categories"]
        for item in category["items"]
    ]


def test_a_record_agrees_with_its_summaries(connection: httpx.Client) -> None:
    record = read(connection, RECORD)
    bills = bills_of(record)
    summary = read(connection, f"{RECORD}/summary")["data"]

    assert record["data"][0]["idperson"] == STUDENT
    assert sum(float(bill["amount_billed"]) for bill in bills) == summary["total_billed"]
    assert sum(float(bill["amount_paid"] or 0) for bill in bills) == summary["total_paid"]
    assert sum(bill["remaining_balance"] for bill in bills) == summary["total_remaining"]
    assert summary["total_billed"] == sum(
        period["summary"]["total_billed"] for period in record["data"][0]["periods"]
    )


def test_equal_seeds_give_equal_students_and_another_seed_others() -> None:
    first, second, other = School(300, 3), School(300, 3), School(300, 4)

    bodies = [[one.body() for one in each.students.values()] for each in (first, second, other)]

    assert bodies[0] == bodies[1] != bodies[2]
    assert any(b'"data":[]' in body for body in bodies[0])


def test_totals_are_the_sums_of_all_records_of_the_period(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    totals = read(connection, "/totals", period="20252026")["data"]
    wanted = [
        bill
        for student in billing.school.students.values()
        for bill in student.current_bills()
        if bill.period == "20252026"
    ]

    assert {row["period_id"] for row in totals} == {"20252026"}
    assert sum(row["total_billed"] for row in totals) == sum(bill.billed for bill in wanted)
    assert sum(row["total_paid"] for row in totals) == sum(bill.paid for bill in wanted)


@pytest.mark.parametrize("way", ["page", "offset", "cursor", "link"])
def test_every_way_to_page_gives_each_student_once_though_pages_are_cut_silently(
    way: str, billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(max_page=100)
    found: list[str] = []
    query: dict[str, Any] = {"per_page": 1000, way: {"page": 1, "offset": 0}.get(way, "")}
    url: str | None = "/students"
    while url:
        answer = connection.get(url, params=query if url == "/students" else None)
        page = answer.json()
        assert page["meta"] | {"next": "", "page": 0} == {
            "per_page": 100, "total": 450, "next": "", "page": 0,
        }  # fmt: skip
        found += ids(page)
        following = page["meta"]["next"]
        assert all("per_page=1000" in link["url"] for link in answer.links.values())
        query |= {"page": query.get("page", 1) + 1} if way == "page" else {}
        query |= {"offset": len(found)} if way == "offset" else {}
        query |= {"cursor": following} if way == "cursor" else {}
        url = answer.links.get("next", {}).get("url") if way == "link" else "/students"
        url = url if following else None

    assert found == sorted(billing.school.students)


@pytest.mark.parametrize(
    ("fault", "received"),
    [("list-empty", 0), ("list-half", 50), ("list-repeated", 100), ("list-duplicate", 100)],
)
def test_a_damaged_page_is_given_once(
    fault: str, received: int, billing: BillingSimulator, connection: httpx.Client
) -> None:
    good = ids(read(connection, "/students", page=2, per_page=100))
    billing.api.set(page_faults=[fault], max_page=100)

    bad = ids(read(connection, "/students", page=2, per_page=100))

    assert len(bad) == received
    assert bad != good
    assert ids(read(connection, "/students", page=2, per_page=100)) == good


def test_a_page_that_cannot_be_read_is_refused_with_the_reason(connection: httpx.Client) -> None:
    answer = connection.get("/students?page=0")

    assert (answer.status_code, answer.json()["message"]) == (400, "page: 0 is below 1")
    assert connection.get("/students?updated_after=kemarin").status_code == 400
    assert connection.post("/students").status_code == 405
    assert connection.get("/siswa").status_code == 404


@pytest.mark.parametrize("proxy", ["", "etag-weak", "etag-gzip"])
def test_an_unchanged_record_is_not_sent_again(
    proxy: str, billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(faults={proxy: 1} if proxy else {})
    first = connection.get(RECORD)

    second = connection.get(RECORD, headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["ETag"] == first.headers["ETag"]


def test_a_payment_changes_record_etag_totals_and_list_until_it_is_reversed(
    connection: httpx.Client,
) -> None:
    before, since = connection.get(RECORD), read(connection, "/changes")["version"]
    payment = {"kind": "SPP", "amount": 5, "day": "2026-02-11"}
    totals = sum(row["total_paid"] for row in read(connection, "/totals")["data"])

    connection.post(f"/_simulator/students/{STUDENT}/pay", json=payment).raise_for_status()
    paid = connection.get(RECORD, headers={"If-None-Match": before.headers["ETag"]})
    more = sum(row["total_paid"] for row in read(connection, "/totals")["data"])
    connection.post(f"/_simulator/students/{STUDENT}/reverse", json={"kind": "SPP"})
    after = connection.get(RECORD)

    assert paid.status_code == 200
    assert bills_of(paid.json())[0]["journal_date"] == "2026-02-11"
    assert more == totals + 5
    assert after.json() == before.json()
    assert len({each.headers["ETag"] for each in (before, paid, after)}) == 3
    changed = read(connection, "/changes", since=since)
    assert [(one["idperson"], one["kind"]) for one in changed["data"]] == [(STUDENT, "update")] * 2
    assert changed["version"] == since + 2


@pytest.mark.parametrize(
    ("updated_after", "found"),
    [
        ("2026-03-01 11:59:59", [STUDENT]),
        ("2026-03-01 12:00:00", []),
        ("2026-03-01T04:59:59Z", [STUDENT]),
        ("2026-03-01T05:00:00+00:00", []),
    ],
)
def test_the_list_can_be_limited_to_later_changes(updated_after: str, found: list[str]) -> None:
    school = School(300, 1, clock=lambda: datetime(2026, 3, 1, 5, tzinfo=UTC))
    school.pay(STUDENT, "SPP", 1, "2026-03-01")

    page = json.loads(StudentPages(school).page({"updated_after": updated_after}, 200).body)

    assert ids(page) == found


def test_students_join_and_leave_and_purged_changes_are_gone() -> None:
    with (
        BillingSimulator(20) as school,
        httpx.Client(base_url=school.url, trust_env=False) as client,
    ):
        joined = client.post("/_simulator/students").json()["idperson"]
        client.post(f"/_simulator/students/{STUDENT}/remove")
        changes = read(client, "/changes", since=1)["data"]
        client.post("/_simulator/purge")

        assert joined == "0000021"
        assert [(one["idperson"], one["kind"]) for one in changes] == [
            (joined, "insert"), (STUDENT, "delete"),
        ]  # fmt: skip
        assert client.get("/changes?since=1").status_code == 410
        assert client.get(RECORD).status_code == 404
        assert read(client, "/students")["meta"]["total"] == 20


def test_a_bill_is_set_and_a_wrong_change_says_what_is_wrong(connection: httpx.Client) -> None:
    url = "/_simulator/students/0000011/bill"

    record = connection.post(url, json={"kind": "Ziarah", "amount": 75_000}).json()
    wrong = connection.post(url, json={"kind": "Ziarah", "amount": "75.000"})
    missing = connection.post(url, json={"amount": 1})
    unknown = connection.post("/_simulator/students/X/pay", json={"kind": "SPP", "amount": 1})

    assert "75000.00" in {bill["amount_billed"] for bill in bills_of(record)}
    assert (wrong.status_code, missing.status_code, unknown.status_code) == (422, 422, 404)
    assert "whole number of rupiah" in wrong.json()["message"]
    assert unknown.json()["message"] == "no student 'X'"


def test_an_overpaid_bill_hides_no_arrears_of_another_one(connection: httpx.Client) -> None:
    url = "/_simulator/students/0000012"
    before = connection.post(f"{url}/bill", json={"kind": "Ziarah", "amount": 75_000}).json()
    connection.post(f"{url}/bill", json={"kind": "Kitab", "amount": 10_000})

    after = connection.post(f"{url}/pay", json={"kind": "Ziarah", "amount": 999_000}).json()

    summaries = [each["data"][0]["periods"][-1]["summary"] for each in (before, after)]
    paid = next(bill for bill in bills_of(after) if bill["amount_paid"] == "999000.00")
    assert (paid["remaining_balance"], paid["payment_status"]) == (0, "paid")
    assert summaries[1]["total_remaining"] == summaries[0]["total_remaining"] - 65_000
    assert not summaries[1]["fully_paid"]


ACCEPTED: dict[str, dict[str, Any]] = {
    "bearer": {"headers": {"Authorization": f"Bearer {TOKEN}"}},
    "header": {"headers": {"X-API-Key": TOKEN}},
    "query": {"params": {"key": TOKEN}},
    "basic": {"auth": (USER, PASSWORD)},
}


@pytest.mark.parametrize("way", ACCEPTED)
def test_only_requests_with_the_credentials_are_answered(way: str) -> None:
    with BillingSimulator(10, authentication=way) as school:
        url = school.url + RECORD
        assert httpx.get(url, trust_env=False).status_code == 401
        assert httpx.get(url, trust_env=False, **ACCEPTED[way]).status_code == 200


def test_a_token_of_client_credentials_ends() -> None:
    with (
        BillingSimulator(10, authentication="client_credentials") as school,
        httpx.Client(base_url=school.url, trust_env=False) as client,
    ):
        form = {"client_id": USER, "client_secret": PASSWORD}
        assert client.post("/oauth/token", data=form | {"client_secret": "x"}).status_code == 401

        given = client.post("/oauth/token", data=form).json()
        headers = {"Authorization": f"Bearer {given['access_token']}"}
        assert given["expires_in"] == 300
        assert client.get(RECORD, headers=headers).status_code == 200
        school.api.set(token_seconds=0.0)
        short = client.post("/oauth/token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {short}"}
        assert client.get(RECORD, headers=headers).status_code == 401
        assert school.api.tokens_given == 2


def test_a_session_begins_with_the_login_form() -> None:
    with (
        BillingSimulator(10, authentication="session") as school,
        httpx.Client(base_url=school.url, trust_env=False) as client,
    ):
        refused = client.get(RECORD)
        client.post("/login", data={"username": USER, "password": PASSWORD})

        assert (refused.status_code, refused.headers["Location"]) == (302, "/login")
        assert client.get(RECORD).status_code == 200


@pytest.mark.parametrize("kind", LIMITERS)
def test_a_limiter_admits_its_rate_and_no_more(kind: LimiterKind) -> None:
    limiter = LIMITERS[kind](10)

    admitted = [at for at in range(5000) if limiter.wait(100 + at / 1000) == 0]

    assert 45 <= len(admitted) <= 51
    assert 0 < limiter.wait(104.9991) <= 1


@pytest.mark.parametrize("advice", ["seconds", "date", "none", "reset-epoch", "reset-seconds"])
def test_a_refused_client_is_told_when_to_return(
    advice: str, billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(limiter="sliding", rate=1.0, advice=advice, least_wait_seconds=7.0)

    answers = (connection.get(RECORD) for _ in range(50))
    refused = next(each for each in answers if each.status_code == 429)

    told = refused.headers
    if advice == "seconds":
        assert told["Retry-After"] == "7"
    elif advice == "date":
        wait = parsedate_to_datetime(told["Retry-After"]) - parsedate_to_datetime(told["Date"])
        assert wait == timedelta(seconds=7)
    elif advice == "none":
        assert {"retry-after", "x-ratelimit-reset"}.isdisjoint(told)
    else:
        assert told["X-RateLimit-Remaining"] == "0"
        assert (float(told["X-RateLimit-Reset"]) > 1e9) == (advice == "reset-epoch")


def test_a_daily_quota_is_refused_with_a_text_that_says_so(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(daily_quota=1)

    answers = [connection.get(RECORD) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 403]
    assert "quota" in answers[1].json()["message"]


def outcome(client: httpx.Client) -> object:
    """Return the status, or what httpx raises; "bad" for a body that is no JSON in UTF-8."""
    try:
        answer = client.get(RECORD)
        if answer.status_code == 200:
            answer.json()
    except httpx.HTTPError as error:
        return type(error)
    except ValueError:
        return "bad"
    return answer.status_code


EXPECTED: dict[str, object] = {
    "429-seconds": 429, "429-date": 429, "503-date": 503, "429-bare": 429, "429-reset": 429,
    "429-reset-epoch": 429, "403-quota": 403, "401": 401, "403": 403, "302-login": 302,
    "login-page": "bad", "404": 404, "408": 408, "500": 500, "502": 502, "503": 503, "504": 504,
    "html-200": "bad", "php-warning": "bad", "glued": "bad", "empty": "bad", "204": 204,
    "latin-1": "bad", "not-gzip": httpx.DecodingError, "cut": httpx.RemoteProtocolError,
    "cut-chunked": httpx.RemoteProtocolError, "cut-unframed": "bad",
    "hang-up": httpx.RemoteProtocolError, "stall": httpx.ReadTimeout, "slow": httpx.ReadTimeout,
}  # fmt: skip
ODD = {
    "remaining-0": b"", "996": b'"status": "996"', "status-false": b'"status": false',
    "bom": b"\xef\xbb\xbf{", "nan": b":NaN", "infinite": b":1e999",
    "double-key": b'"idperson":"1","saldo"', "gzip": b'"saldo"', "drop-next": b'"saldo"',
    "contradiction": b'"total_billed":1', "no-bills": b'"data":[]', "null": b'"data":null',
    "no-data": b'{"status":true}', "new-status": b"dispensasi", "chunked": b'"saldo"',
    "unframed": b'"saldo"', "etag-weak": b'"saldo"', "etag-gzip": b'"saldo"',
    "wrong-owner": b'"idperson":"0000001"', "drip": b'"saldo"',
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULT_NAMES)
def test_a_fault_is_what_its_name_says(fault: str, billing: BillingSimulator) -> None:
    good = httpx.get(billing.url + RECORD, trust_env=False).content
    billing.api.set(faults={fault: 1})
    is_waiting = fault in {"stall", "slow"}
    with httpx.Client(
        base_url=billing.url,
        trust_env=False,
        timeout=httpx.Timeout(5, read=0.05 if is_waiting else 5),
    ) as client:
        if fault == "drip":
            with client.stream("GET", RECORD) as answer:
                assert len(next(answer.iter_raw())) < 50
        elif fault in ODD:
            answer = client.get(RECORD)
            assert answer.status_code == 200
            assert ODD[fault] in answer.content
        else:
            assert outcome(client) == EXPECTED[fault]
            assert billing.school.body(billing.school.students[STUDENT]) == good
        if fault == "drop-next":
            with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
                client.get(RECORD)


def test_no_student_gets_the_own_record_as_that_of_another(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(faults={"wrong-owner": 1})

    owners = [
        read(connection, f"/payments/000000{number}")["data"][0]["idperson"] for number in (1, 2)
    ]

    assert owners == ["0000002", "0000001"]


def test_a_record_changed_after_a_restart_has_an_etag_of_its_own() -> None:
    first = School(10, 1, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    second = School(10, 1, clock=lambda: datetime(2026, 3, 2, tzinfo=UTC))

    etags = [each.pay(STUDENT, "SPP", 1, "2026-03-01").etag(1) for each in (first, second)]

    assert etags[0] != etags[1]


def test_faults_are_chosen_by_seed_student_and_attempt() -> None:
    chosen = [choose_fault({"500": 0.3, "cut": 0.2}, 3, f"{n:07d}", 1) for n in range(1000)]

    assert chosen == [choose_fault({"500": 0.3, "cut": 0.2}, 3, f"{n:07d}", 1) for n in range(1000)]
    assert 250 < chosen.count("500") < 350
    assert 150 < chosen.count("cut") < 250
    assert chosen != [choose_fault({"500": 0.3, "cut": 0.2}, 3, f"{n:07d}", 2) for n in range(1000)]


def test_a_fault_of_one_student_can_end_after_some_attempts(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(student_faults={STUDENT: "500"}, fault_attempts=2)

    assert [connection.get(RECORD).status_code for _ in range(3)] == [500, 500, 200]
    assert connection.get("/payments/0000008").status_code == 200


def test_requests_are_counted_per_second_student_and_after_a_moment(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.counters.reset()
    connection.get(RECORD)
    middle = read(connection, "/_seen")["last"]
    connection.get(RECORD)
    connection.get("/payments/0000008")
    connection.get("/payments/none")

    seen = read(connection, "/_seen", after=middle, student=STUDENT)

    assert (seen["total"], seen["after"], seen["student"], seen["most_per_student"]) == (4, 3, 2, 2)
    assert sum(seen["per_second"].values()) == 4
    assert (seen["statuses"], seen["most_in_progress"]) == ({"200": 3, "404": 1}, 1)
    assert connection.delete("/_seen").json()["total"] == 0


def test_a_wrong_switch_is_refused_and_nothing_is_set(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    for wrong in (
        {"max_page": 10, "rates": 1},
        {"max_page": "10"},
        {"faults": {"501": 1}},
        {"faults": {"500": 2}},
        {"page_faults": ["nothing"]},
        {"limiter": "leaky"},
        {"rate": 0.5},
        {"latency_seconds": -1},
    ):
        answer = connection.post("/_simulator/switches", json=wrong)
        assert answer.status_code == 422, wrong
        assert answer.json()["message"]
    assert billing.api.max_page == 200
    right = connection.post("/_simulator/switches", json={"max_page": 10, "faults": {"500": 0.5}})
    assert right.json()["max_page"] == 10


def test_latency_holds_no_other_connection_up(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    billing.api.set(latency_seconds=30.0)
    patience = httpx.Timeout(5, read=0.05)
    with (
        httpx.Client(base_url=billing.url, timeout=patience, trust_env=False) as slow,
        pytest.raises(httpx.ReadTimeout),
    ):
        slow.get(RECORD)
    billing.api.set(latency_seconds=0.0)
    assert connection.get(RECORD).status_code == 200


def test_a_record_may_carry_the_time_of_its_response(
    billing: BillingSimulator, connection: httpx.Client
) -> None:
    plain = connection.get(RECORD)
    billing.api.set(has_generated_at=True)

    stamped = connection.get(RECORD)

    assert stamped.json().pop("generated_at")
    assert stamped.headers["ETag"] == plain.headers["ETag"]


def test_it_speaks_tls_and_refuses_a_port_in_use() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with BillingSimulator(10, tls=context) as school:
        assert httpx.get(school.url + RECORD, verify=trusting, trust_env=False).is_success
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(school.url + RECORD, trust_env=False)
        port = int(school.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), BillingSimulator(1, port=port):
            pass


def test_requests_sent_together_are_answered_in_order(billing: BillingSimulator) -> None:
    request = "GET /payments/{} HTTP/1.1\r\nHost: school\r\n\r\n"
    host, _, port = billing.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall((request.format("A") + request.format(STUDENT)).encode())
        received = b""
        while b'"saldo"' not in received:
            received += wire.recv(65536)

    assert received.index(b"404 Not Found") < received.index(b"200 OK")


def test_what_is_no_http_is_refused(billing: BillingSimulator) -> None:
    host, _, port = billing.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall(b"halo\r\n\r\n")
        assert wire.recv(100).startswith(b"HTTP/1.1 400 ")


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "simulators.billing", "--port=0", "--students=5"]
    with subprocess.Popen([*command, '--faults={"500": 1}'], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[2].rstrip(",")
        listed, failed = (
            httpx.get(url + path, trust_env=False) for path in ("/students", RECORD[:-1] + "5")
        )
        process.terminate()

    assert (listed.json()["meta"]["total"], failed.status_code) == (5, 500)
    assert process.returncode == 0
