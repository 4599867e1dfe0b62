import asyncio
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from simulators.billing.api import PASSWORD, TOKEN, USER
from simulators.billing.server import BillingSimulator
from ticketing.billing.sources.contract import (
    FailedFetch,
    FailureClass,
    FetchedRecord,
    FetchOutcome,
    ListedStudent,
    NotModified,
    SourceError,
)  # fmt: skip
from ticketing.billing.sources.http.authorization import BillingCredentials
from ticketing.billing.sources.http.source import HttpSource
from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.billing.sources.open_source import SIMULATOR_MAPPING
from ticketing.billing.sync.check_source import check_source
from ticketing.billing.sync.drive import BillingConnector

STUDENT = "0000007"
F = FailureClass
EVERYTHING = BillingCredentials(TOKEN, USER, PASSWORD)
OUTCOMES: dict[str, tuple[FailureClass, float | None, bool]] = {
    "429-seconds": (F.THROTTLED, 7, False),
    "503-date": (F.THROTTLED, 7, False),
    "429-reset": (F.THROTTLED, 9, False),
    "996": (F.THROTTLED, None, False),
    "403-quota": (F.PAUSED_QUOTA, None, True),
    "401": (F.REFUSED, None, True),
    "403": (F.REFUSED, None, True),
    "302-login": (F.REFUSED, None, False),
    "login-page": (F.REFUSED, None, False),
    "404": (F.NOT_FOUND, None, False),
    "408": (F.UNAVAILABLE, None, False),
    "500": (F.UNAVAILABLE, None, False),
    "502": (F.UNAVAILABLE, None, False),
    "504": (F.UNAVAILABLE, None, False),
    "cut": (F.TIMEOUT, None, False),
    "hang-up": (F.TIMEOUT, None, False),
    "stall": (F.TIMEOUT, None, False),
    "drip": (F.TIMEOUT, None, False),
    "wrong-owner": (F.WRONG_OWNER, None, False),
}
BAD = (
    "html-200", "php-warning", "glued", "status-false", "empty", "204", "latin-1", "nan",
    "infinite", "double-key", "not-gzip", "null",
)  # fmt: skip
OUTCOMES |= dict.fromkeys(BAD, (F.BAD_DATA, None, False))


@pytest.fixture(scope="module")
def billing() -> Iterator[BillingSimulator]:
    with BillingSimulator(450) as simulator:
        yield simulator


def mapping(**changes: object) -> SourceMapping:
    given = load_mapping(SIMULATOR_MAPPING).model_dump(by_alias=True)
    given["limits"]["deadline_seconds"] = 0.5
    given["record"]["answers"] = [{"path": "status", "in": ["996"], "means": "throttled"}]
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = given
        for name in tables:
            table = table[name]
        table[key] = value
    return SourceMapping.model_validate(given)


def fetch(url: str, *etags: str | None, **changes: object) -> list[FetchOutcome]:
    async def attempts() -> list[FetchOutcome]:
        source = HttpSource(url, mapping(**changes), EVERYTHING)
        try:
            return [await source.fetch_record(STUDENT, etag) for etag in etags or (None,)]
        finally:
            await source.aclose()

    return asyncio.run(attempts())


def listed(url: str, **changes: object) -> list[ListedStudent]:
    async def read() -> list[ListedStudent]:
        source = HttpSource(url, mapping(**changes), EVERYTHING)
        try:
            return [student async for student in source.list_students()]
        finally:
            await source.aclose()

    return asyncio.run(read())


@pytest.fixture
def faulty(billing: BillingSimulator) -> Iterator[Callable[[str], None]]:
    def set_fault(name: str) -> None:
        billing.api.faults = {name: 1.0}

    yield set_fault
    billing.api.faults = {}


@pytest.mark.parametrize("fault", OUTCOMES)
def test_a_fault_of_the_source_has_its_class(
    fault: str, billing: BillingSimulator, faulty: Callable[[str], None]
) -> None:
    faulty(fault)

    (failed,) = fetch(billing.url)

    assert isinstance(failed, FailedFetch), failed
    assert (failed.failure, failed.retry_after, failed.stops_run) == OUTCOMES[fault]


@pytest.mark.parametrize("fault", ["bom", "gzip", "remaining-0"])
def test_what_only_looks_odd_is_accepted(
    fault: str, billing: BillingSimulator, faulty: Callable[[str], None]
) -> None:
    faulty(fault)

    (record,) = fetch(billing.url)

    assert isinstance(record, FetchedRecord), record
    assert record.pause == (3 if fault == "remaining-0" else None)


@pytest.mark.parametrize("fault", ["login-page", "wrong-owner"])
def test_the_third_such_answer_stops_the_run(
    fault: str, billing: BillingSimulator, faulty: Callable[[str], None]
) -> None:
    faulty(fault)

    outcomes = fetch(billing.url, None, None, None)

    assert [getattr(each, "stops_run", None) for each in outcomes] == [False, False, True]


def test_an_unchanged_record_is_not_sent_again_until_it_is_paid(billing: BillingSimulator) -> None:
    (first,) = fetch(billing.url)
    assert isinstance(first, FetchedRecord)

    (second,) = fetch(billing.url, first.etag)
    billing.school.pay(STUDENT, "SPP", 1, "2026-02-11")
    (third,) = fetch(billing.url, first.etag)

    assert isinstance(second, NotModified)
    assert isinstance(third, FetchedRecord)
    assert third.bills[0].amount_paid == first.bills[0].amount_paid + 1


def test_nothing_listening_is_unavailable_and_a_bad_certificate_stops_the_run() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with BillingSimulator(10, tls=context) as secure:
        (untrusted,) = fetch(secure.url)
    (gone,) = fetch(secure.url.replace("https", "http"))

    assert isinstance(untrusted, FailedFetch)
    assert isinstance(gone, FailedFetch)
    assert (untrusted.failure, untrusted.stops_run) == (F.SOURCE_CONFIG, True)
    assert (gone.failure, gone.stops_run) == (F.UNAVAILABLE, False)


@pytest.mark.parametrize("kind", ["none", "bearer", "header", "query", "basic",
                                  "client_credentials"])  # fmt: skip
def test_requests_carry_the_credentials_of_the_mapping_file(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with BillingSimulator(10, authentication=kind) as school:
        (record,) = fetch(school.url, authentication__kind=kind)
        school.api.faults = {"500": 1.0}
        (failed,) = fetch(school.url, authentication__kind=kind)

    assert isinstance(record, FetchedRecord), record
    assert TOKEN not in caplog.text + str(failed)


def test_many_requests_renew_an_ended_token_once() -> None:
    async def read(school: BillingSimulator) -> list[FetchOutcome]:
        source = HttpSource(
            school.url, mapping(authentication__kind="client_credentials"), EVERYTHING
        )
        await source.fetch_record(STUDENT, None)
        school.api.token = "ended"  # noqa: S105
        found = await asyncio.gather(*(source.fetch_record(STUDENT, None) for _ in range(4)))
        await source.aclose()
        return found

    with BillingSimulator(10, authentication="client_credentials") as school:
        found = asyncio.run(read(school))

        assert [type(each) for each in found] == [FetchedRecord] * 4
        assert school.api.tokens_given == 2


@pytest.mark.parametrize(
    "paging",
    [
        {"kind": "page", "total": "meta.total"},
        {"kind": "page"},
        {"kind": "page", "total": "meta.total", "size": 7},
        {"kind": "cursor", "next": "meta.next"},
        {"kind": "link", "total": "meta.total"},
    ],
)
@pytest.mark.parametrize("cap", [200, 50])
def test_a_list_is_read_to_its_end_whatever_the_source_caps_its_pages_to(
    paging: dict[str, Any], cap: int, billing: BillingSimulator
) -> None:
    billing.api.max_page = cap

    found = listed(billing.url, students__paging=paging)

    assert [student.external_id for student in found] == sorted(billing.school.students)


@pytest.mark.parametrize(
    ("paging", "message"),
    [
        ({"kind": "page", "page": "seite"}, "repeats earlier pages"),
        ({"kind": "none", "total": "meta.total"}, "incomplete: 200 of 450"),
    ],
)
def test_a_list_that_does_not_reach_its_end_is_an_error(
    paging: dict[str, Any], message: str, billing: BillingSimulator
) -> None:
    billing.api.max_page = 200

    with pytest.raises(SourceError, match=message):
        listed(billing.url, students__paging=paging)


def test_the_check_of_a_student_says_what_is_not_mapped(billing: BillingSimulator) -> None:
    connector = BillingConnector(
        "school", lambda _gate: HttpSource(billing.url, mapping(), EVERYTHING)
    )
    checked = check_source(connector, STUDENT)

    assert checked.problem == ""
    assert "data.saldo" in checked.unmapped
    assert "data.idperson" not in checked.unmapped
    assert checked.due == sum(bill.amount_due for bill in checked.bills)
