"""The code location as Dagster loads it."""

import subprocess
import sys
import tomllib

import dagster as dg
import yaml

from ticketing.settings import CHECKOUT

# what a run process pays before its first step; the drawing of pages is imported where it is used
LOAD = """
import sys, time
began = time.monotonic()
from ticket_assets.definitions import defs
defs().get_repository_def()
print(time.monotonic() - began, *sorted({"weasyprint", "matplotlib", "pandas"} & set(sys.modules)))
"""


def test_workspace_and_dg_name_one_module() -> None:
    workspace = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))

    (location,) = workspace["load_from"]
    named = project["tool"]["dg"]["project"]

    assert location["python_module"]["module_name"] == named["code_location_target_module"]
    assert location["python_module"]["location_name"] == named["code_location_name"]


def test_the_definitions_load_in_five_seconds_without_the_drawing_engine() -> None:
    seconds, *heavy = subprocess.run(
        [sys.executable, "-c", LOAD], check=True, capture_output=True, text=True, cwd=CHECKOUT
    ).stdout.split()

    assert heavy == []
    assert float(seconds) < 5


def test_loading_says_nothing_on_standard_error() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], check=True, capture_output=True, text=True, cwd=CHECKOUT
    )

    assert loaded.stderr == ""


def test_the_graph_runs_from_people_to_the_report(location: dg.Definitions) -> None:
    graph = location.resolve_asset_graph()

    order = [key.to_user_string() for key in graph.toposorted_asset_keys]

    assert order == [
        "attendees",
        "missing_tickets",
        "tickets",
        "ticket_pdfs",
        "generation_report",
    ]


def test_every_asset_is_of_one_event_and_says_whose_it_is_and_what(
    location: dg.Definitions,
) -> None:
    specs = list(location.resolve_all_asset_specs())

    assert {spec.partitions_def.name for spec in specs if spec.partitions_def} == {"event"}
    assert all(spec.description and spec.owners and spec.kinds for spec in specs)


def test_nothing_that_issues_tickets_runs_by_itself(location: dg.Definitions) -> None:
    running = {
        schedule.name: schedule.job_name
        for schedule in location.schedules or []
        if schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    }

    assert running == {"document_retention_nightly": "document_retention"}
