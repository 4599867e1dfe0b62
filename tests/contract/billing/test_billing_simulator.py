import json
from urllib.request import Request, urlopen

import pytest

from simulators.billing.faults import choose_fault
from simulators.billing.limits import LIMITERS, LimiterKind
from simulators.billing.server import BillingSimulator


def call(url: str, body: object = None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data)) as answer:  # noqa: S310 - our own address
        found: dict[str, object] = json.load(answer)
    return found


@pytest.mark.parametrize("kind", ["bucket", "fixed", "sliding"])
def test_a_limiter_admits_its_rate_and_no_more(kind: LimiterKind) -> None:
    limiter = LIMITERS[kind](10)

    admitted = [at for at in range(5000) if limiter.wait(100 + at / 1000) == 0]

    assert 45 <= len(admitted) <= 51
    assert 0 < limiter.wait(104.9991) <= 1


def test_equal_seeds_give_equal_schools_and_faults() -> None:
    with BillingSimulator(20, seed=3) as one, BillingSimulator(20, seed=3) as two:
        records = [call(f"{each.url}/payments/0000009") for each in (one, two)]

    assert records[0] == records[1]
    chosen = [choose_fault({"500": 0.5}, 3, f"{n:07d}", 1) for n in range(1000)]
    assert chosen == [choose_fault({"500": 0.5}, 3, f"{n:07d}", 1) for n in range(1000)]
    assert 400 < chosen.count("500") < 600


def test_a_payment_changes_the_record_and_requests_are_counted() -> None:
    with BillingSimulator(20) as school:
        before = call(f"{school.url}/payments/0000001")
        payment = {"idperson": "0000001", "kind": "SPP", "amount": 5, "day": "2026-02-11"}
        paid = call(f"{school.url}/_pay", payment)
        after = call(f"{school.url}/payments/0000001")
        seen = call(f"{school.url}/_seen")

    assert before != after == paid
    assert (seen["total"], seen["students"], seen["most_per_student"]) == (2, 1, 2)
