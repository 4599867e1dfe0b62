"""Tests that several processes of the web service share limits and metrics."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select, update

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.web_processes import request_rates
from ticketing.platform.db.web_process_queries import MEMORY
from ticketing.platform.http.metrics import Metrics
from ticketing.platform.http.rate_limit import RateLimiter
from ticketing.platform.http.request_metrics import RequestCollector
from ticketing.platform.http.shared_counts import SharedCounts
from ticketing.platform.kernel.errors import Unavailable

PER_MINUTE = 60
Process = tuple[RateLimiter, Metrics, SharedCounts]


@pytest.fixture
def process(database: Database) -> Callable[[], Process]:
    """Return a function that builds what a process of the web service has, without its thread."""

    def build() -> Process:
        limiter, metrics = RateLimiter(PER_MINUTE), Metrics()
        collector = RequestCollector(database, metrics)
        metrics.registry.register(collector)
        return limiter, metrics, SharedCounts(database, {"requests": limiter}, collector)

    return build


def _spend(limiter: RateLimiter, key: str, most: int) -> int:
    return sum(limiter.wait_seconds(key) == 0 for _ in range(most))


def test_what_an_address_spends_at_one_process_is_missing_at_the_others(
    process: Callable[[], Process],
) -> None:
    (here, _, counts_here), (there, _, counts_there) = process(), process()
    assert (_spend(here, "198.51.100.7", 50), _spend(there, "198.51.100.7", 1)) == (50, 1)

    for counts in (counts_here, counts_there):
        counts.share()

    assert _spend(there, "198.51.100.7", 60) in range(9, 13)  # 60 - 51, and one a second
    assert _spend(there, "203.0.113.9", 60) == 60


def test_a_burst_at_every_process_at_once_is_paid_back(process: Callable[[], Process]) -> None:
    processes = [process() for _ in range(3)]
    assert [_spend(limiter, "198.51.100.7", 100) for limiter, _, _ in processes] == [60] * 3

    for _, _, counts in processes:
        counts.share()

    last = processes[-1][0]
    assert last.wait_seconds("198.51.100.7") > 100  # 180 were allowed, 120 too many


def test_levels_drain_and_are_forgotten(process: Callable[[], Process], database: Database) -> None:
    limiter, _, counts = process()
    _spend(limiter, "198.51.100.7", 60)
    counts.share()
    with database.transaction() as connection:
        earlier = func.clock_timestamp() - MEMORY * 2
        connection.execute(update(request_rates).values(updated_at=earlier))

    other, _, counts_of_other = process()
    _spend(other, "203.0.113.9", 1)
    counts_of_other.share()

    with database.transaction() as connection:
        subjects = connection.execute(select(request_rates.c.subject)).scalars().all()
    assert subjects == ["requests 203.0.113.9"]


def test_without_requests_nothing_is_asked(process: Callable[[], Process]) -> None:
    _, _, counts = process()
    counts._database.dispose()  # noqa: SLF001 - any question would open a connection again

    counts.share()

    assert counts._database.engine.pool.checkedin() == 0  # type: ignore[attr-defined]  # noqa: SLF001


def test_any_process_tells_the_metrics_of_all(process: Callable[[], Process]) -> None:
    (_, here, counts_here), (_, there, _) = process(), process()
    here.observe("GET", "/health", 200, 0.02)
    here.observe("GET", "/health", 503, 20.0)
    counts_here.share()
    there.observe("GET", "/health", 200, 0.04)

    told = [
        {
            (sample.name, sample.labels.get("code"), sample.labels.get("le")): sample.value
            for family in text_string_to_metric_families(metrics.render().decode())
            for sample in family.samples
        }
        for metrics in (there, here)
    ]

    for samples in told:
        assert samples["ticketing_http_requests_total", "200", None] == 2
        assert samples["ticketing_http_requests_total", "503", None] == 1
        name = "ticketing_http_request_duration_seconds"
        buckets = [samples[f"{name}_bucket", None, le] for le in ("0.01", "0.025", "0.05", "10.0")]
        assert buckets == [0, 1, 2, 2]
        assert samples[f"{name}_bucket", None, "+Inf"] == samples[f"{name}_count", None, None] == 3
        assert samples[f"{name}_sum", None, None] == pytest.approx(20.06)


def test_while_the_database_is_away_each_process_limits_and_counts_for_itself(
    database: Database,
) -> None:
    away = Database.from_url("postgresql://nobody@127.0.0.1:1/none")
    limiter, metrics = RateLimiter(PER_MINUTE), Metrics()
    counts = SharedCounts(away, {"requests": limiter}, RequestCollector(away, metrics))
    metrics.observe("GET", "/health", 200, 0.02)

    assert _spend(limiter, "198.51.100.7", 100) == PER_MINUTE
    with pytest.raises(Unavailable):
        counts.share()
    with pytest.raises(Unavailable):
        counts.share()  # the requests are kept

    RequestCollector(database, metrics).share()
    assert limiter.wait_seconds("198.51.100.7") > 0
    assert b"200" in _rendered(database)


def _rendered(database: Database) -> bytes:
    metrics = Metrics()
    metrics.registry.register(RequestCollector(database, metrics))
    return metrics.render()
