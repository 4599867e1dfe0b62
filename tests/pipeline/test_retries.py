"""Tests of retries of steps, their delays, and the time limit of a step."""

import dagster as dg
import pytest

from ticket_assets import retries as ticket_asset_retries
from ticket_assets.retries import Deadline, OutOfTime, run_attempt
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.kernel.errors import TemplateBroken, Unavailable
from ticketing.tickets.reports import queries as report_queries


@pytest.fixture
def short_retry_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the retry delays, which take six minutes in production."""
    monkeypatch.setattr(ticket_asset_retries, "RETRY_DELAYS_SECONDS", (0.01, 0.02, 0.03))


@pytest.fixture
def context() -> dg.OpExecutionContext:
    """Return the context of the first attempt of a step."""
    return dg.build_op_context()


def test_retry_delays_are_ten_seconds_one_minute_and_five_minutes() -> None:
    assert ticket_asset_retries.RETRY_DELAYS_SECONDS == (10, 60, 300)


def test_a_refused_step_is_not_retried(context: dg.OpExecutionContext) -> None:
    with pytest.raises(dg.Failure, match="no such font") as raised, run_attempt(context):
        raise TemplateBroken("no such font")

    assert not raised.value.allow_retries


def test_a_programming_error_is_not_retried(context: dg.OpExecutionContext) -> None:
    with pytest.raises(ZeroDivisionError), run_attempt(context):
        raise ZeroDivisionError


@pytest.mark.usefixtures("short_retry_delays")
def test_an_unavailable_step_is_attempted_four_times_and_then_fails() -> None:
    tried = iter(range(100))

    @dg.op
    def stubborn(context: dg.OpExecutionContext) -> None:
        with run_attempt(context):
            raise Unavailable(f"attempt {next(tried)}")

    @dg.job
    def hopeless() -> None:
        stubborn()

    result = hopeless.execute_in_process(raise_on_error=False)

    assert not result.success
    assert next(tried) == 4
    retries = result.filter_events(lambda event: event.is_step_up_for_retry)
    waits = [event.step_retry_data.seconds_to_wait for event in retries]
    assert waits == [0.01, 0.02, 0.03]


def test_time_is_up_only_between_chunks_and_never_after_the_last(
    context: dg.OpExecutionContext,
) -> None:
    watch = Deadline(context, limit_seconds=0)

    watch(5, 5)
    with pytest.raises(OutOfTime, match="4 of 5 done"):
        watch(4, 5)


@pytest.fixture
def timed_out_run(
    location: dg.Definitions, instance: dg.DagsterInstance, roster: Event
) -> dg.ExecuteInProcessResult:
    """Run the graph for five tickets, one per chunk, with a time limit of almost zero."""
    no_time = {"config": {"chunk": 1, "limit_seconds": 0.000_001}}
    return location.resolve_job_def("issue_event_tickets").execute_in_process(
        instance=instance,
        partition_key=roster.slug,
        raise_on_error=False,
        run_config={"ops": {"tickets": no_time, "ticket_pdfs": no_time}},
    )


@pytest.mark.usefixtures("short_retry_delays")
def test_a_step_that_reaches_its_time_limit_keeps_its_results(
    timed_out_run: dg.ExecuteInProcessResult, application: Application, roster: Event
) -> None:
    with application.database.transaction() as connection:
        made = report_queries.count_live_tickets(connection, roster.id)

    assert not timed_out_run.success
    assert made == 4  # one in each of four attempts


@pytest.mark.usefixtures("short_retry_delays")
def test_the_next_run_continues_after_a_time_limit(
    timed_out_run: dg.ExecuteInProcessResult,
    location: dg.Definitions,
    instance: dg.DagsterInstance,
    application: Application,
    roster: Event,
) -> None:
    assert not timed_out_run.success

    again = location.resolve_job_def("issue_event_tickets").execute_in_process(
        instance=instance, partition_key=roster.slug
    )

    assert again.asset_materializations_for_node("tickets")[0].metadata["created"].value == 1
    with application.database.transaction() as connection:
        assert report_queries.count_live_tickets(connection, roster.id) == 5
