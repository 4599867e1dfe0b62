"""Closing reports: figures, signature, chain, lost files, and what a later change does."""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from ticketing.crypto.key_queries import list_public_keys
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.reporting.closing.create import create_report, write_reports
from ticketing.reporting.closing.report_file import (
    ClosingReport,
    UnreadableClosingReport,
    parse_file,
)
from ticketing.reporting.closing.verify import (
    compare_with_today,
    list_chain_problems,
    list_problems_in_database,
    list_signature_problems,
)
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt

Close = Callable[[], tuple[Path, ClosingReport]]


@pytest.fixture
def paid(
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: Callable[..., object],
    budi: Buyer,
) -> PaymentAttempt:
    """Return the payment of an order of two places at Rp50.000; another order is pending."""
    kind = sell("Guest", capacity=10)
    attempt = begin_payment(place((kind, 2), buyer=budi))
    receive_status(attempt, AttemptState.SETTLED)
    place((kind, 1))
    return attempt


@pytest.fixture
def close(database: Database, event: Event, keys: KeyRing, now: datetime, tmp_path: Path) -> Close:
    """Return a function that creates the next closing report; it returns file and content."""

    def create() -> tuple[Path, ClosingReport]:
        create_report(database, event, keys=keys, at=now, by="cli:sari")
        path = write_reports(database, event, tmp_path)[-1].path
        return path, parse_file(path.read_bytes())

    return create


@pytest.mark.usefixtures("paid")
def test_a_closing_report_is_verified_by_anybody_with_the_public_key(
    database: Database, event: Event, keys: KeyRing, close: Close
) -> None:
    path, report = close()

    document = json.loads(path.read_bytes())
    canonical = json.dumps(
        document["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    (published,) = list_public_keys(database, event, keys=keys)
    VerifyKey(published.key).verify(
        b"ticketing document 1\0" + canonical.encode(), b64decode(document["signature"]["value"])
    )
    assert list_signature_problems(report, [published.key]) == []
    assert list_problems_in_database(database, event, report) == []
    figures = document["content"]["figures"]
    assert figures["orders"] == {"paid": 1, "pending": 1}
    assert figures["ticket_types"] == [
        {"name": "Guest", "price": 50_000, "capacity": 10, "pending": 1, "sold": 2}
    ]
    assert figures["money"]["sale"] == 150_000
    (means,) = figures["money"]["by_means"]
    assert (means["account"], means["received"], means["returned"]) == ("gateway", 100_000, 0)
    assert figures["check_ins"] == {}


def test_reports_are_chained_and_a_lost_file_is_written_again(
    database: Database, event: Event, close: Close, tmp_path: Path
) -> None:
    first_path, first = close()
    first_path.unlink()

    second_path, second = close()

    assert (second.number, second.previous_sha256) == (2, first.sha256)
    assert parse_file(first_path.read_bytes()) == first
    assert list_chain_problems([second, first]) == []
    elsewhere = write_reports(database, event, tmp_path / "elsewhere")
    assert [one.path.read_bytes() for one in elsewhere] == [
        first_path.read_bytes(), second_path.read_bytes(),
    ]  # fmt: skip


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (("100000", "900000"), "the signature does not match"),
        (('"number":1', '"number":2'), "another closing report|no closing report"),
    ],
)
def test_a_changed_report_is_found(
    database: Database, event: Event, close: Close,
    changed: tuple[str, str], problem: str,
) -> None:  # fmt: skip
    path, _ = close()

    forged = parse_file(path.read_text().replace(*changed).encode())

    problems = " ".join(list_problems_in_database(database, event, forged))
    assert any(part in problems for part in problem.split("|"))
    with pytest.raises(UnreadableClosingReport, match="not written as it was signed"):
        parse_file(json.dumps(json.loads(path.read_bytes())).encode())


def test_a_later_refund_is_named_when_a_report_is_compared(
    database: Database, event: Event, close: Close, paid: PaymentAttempt,
    receive_status: Callable[..., object],
) -> None:  # fmt: skip
    _, report = close()
    assert compare_with_today(database, event, report) == []

    receive_status(paid, AttemptState.REFUNDED, refunded=100_000)

    differences = {path: (then, now) for path, then, now in compare_with_today(
        database, event, report
    )}  # fmt: skip
    assert differences["money.received_and_not_returned"] == (100_000, 0)
    assert [flag["flag"] for flag in differences["exceptions.open_flags"][1]] == ["money_returned"]
    assert not {"ledger.sha256", "audit_log.sha256"} & differences.keys()
