"""Fixtures: Dagster's page on a port, with one job; its runs stay in the queue."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import uvicorn
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from dagster_page.page import create_page
from ticketing.platform.application import Application

OVERRIDES = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "run_coordinator": {
        "module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    """Open a workspace with a job, and an instance without a daemon."""
    here = Path(__file__).with_name("job_to_start.py")
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(python_file=str(here)), location_name="jobs"
    )
    folder = str(tmp_path_factory.mktemp("dagster"))
    with (
        dg.DagsterInstance.local_temp(folder, overrides=OVERRIDES) as instance,
        WorkspaceProcessContext(
            instance, version="", workspace_load_target=InProcessWorkspaceLoadTarget(origin)
        ) as context,
    ):
        yield context


@pytest.fixture
def page_address(
    application: Application, workspace: WorkspaceProcessContext, unused_port: int
) -> Iterator[str]:
    """Serve the page and return its address."""
    page = create_page(application, workspace)
    config = uvicorn.Config(page, port=unused_port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    assert server.started
    yield f"http://127.0.0.1:{unused_port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def run_count(workspace: WorkspaceProcessContext) -> Callable[[], int]:
    """Return a function that counts the runs that were asked for."""
    return workspace.instance.get_runs_count
