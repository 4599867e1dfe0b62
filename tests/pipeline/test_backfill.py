"""Tests of a backfill over two events, split into runs by Dagster's own daemon code."""

import logging
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.backfill import execute_backfill_iteration

from ticket_assets.partitions import EVENT_PARTITIONS
from ticketing.events.model import Event
from ticketing.platform.paths import PROJECT_ROOT


@pytest.fixture
def workspace(
    persistent_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkspaceProcessContext]:
    """Start the code location server as in workspace.yaml."""
    monkeypatch.chdir(PROJECT_ROOT)
    target = WorkspaceFileTarget(paths=[str(PROJECT_ROOT / "workspace.yaml")])
    with create_test_daemon_workspace_context(target, persistent_instance) as context:
        yield context


@pytest.fixture
def backfill(
    persistent_instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, roster: Event
) -> PartitionBackfill:
    """Create a backfill of all assets for two events, as the partition view does."""
    persistent_instance.add_dynamic_partitions("event", ["konser-amal"])
    graph = workspace.create_request_context().asset_graph
    keys = graph.get_all_asset_keys()
    of_events = [key for key in keys if graph.get(key).partitions_def == EVENT_PARTITIONS]
    asked = PartitionBackfill.from_asset_partitions(
        backfill_id="two-events",
        asset_graph=graph,
        partition_names=[roster.slug, "konser-amal"],
        asset_selection=of_events,
        backfill_timestamp=0.0,
        tags={},
        dynamic_partitions_store=persistent_instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    persistent_instance.add_backfill(asked)
    return asked


@pytest.mark.filterwarnings("ignore:Function .AssetSelection.sources")  # Dagster's use of its own
@pytest.mark.slow
def test_a_backfill_of_two_events_is_two_runs_of_the_whole_graph(
    persistent_instance: dg.DagsterInstance,
    workspace: WorkspaceProcessContext,
    backfill: PartitionBackfill,
    roster: Event,
) -> None:
    errors = list(execute_backfill_iteration(workspace, logging.getLogger(__name__)))

    runs = persistent_instance.get_runs()
    assert [error for error in errors if error] == []
    assert {run.tags["dagster/partition"] for run in runs} == {roster.slug, "konser-amal"}
    assert [run.asset_selection for run in runs] == [frozenset(backfill.asset_selection)] * 2
    assert {run.status for run in runs} == {dg.DagsterRunStatus.QUEUED}
