"""The code location as Dagster loads it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml

from ticket_assets.code_versions import _module_digest, source_version
from ticket_assets.partitions import DAY_PARTITIONS, EVENT_PARTITIONS
from ticketing.app.dagster_processes import CODE_MODULE, LOCATION
from ticketing.platform.paths import PROJECT_ROOT

# what a run process pays before its first step; the drawing of pages is imported where it is used
LOAD = """
import sys, time
began = time.process_time()
from ticket_assets.definitions import defs
defs().get_repository_def()
heavy = {"weasyprint", "matplotlib", "pandas"} & set(sys.modules)
print(time.process_time() - began, *sorted(heavy))
"""


def test_workspace_dg_and_our_code_server_name_one_module() -> None:
    workspace = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    (location,) = workspace["load_from"]
    named = project["tool"]["dg"]["project"]

    assert location["python_module"]["module_name"] == named["code_location_target_module"]
    assert location["python_module"]["location_name"] == named["code_location_name"]
    assert list(location["python_module"].values()) == [CODE_MODULE, LOCATION]


@pytest.mark.process
def test_the_definitions_load_in_five_seconds_without_the_drawing_engine() -> None:
    seconds, *heavy = subprocess.run(
        [sys.executable, "-c", LOAD], check=True, capture_output=True, text=True, cwd=PROJECT_ROOT
    ).stdout.split()

    assert heavy == []
    assert float(seconds) < 5


@pytest.mark.process
def test_loading_writes_nothing_to_standard_error() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], check=True, capture_output=True, text=True, cwd=PROJECT_ROOT
    )

    assert loaded.stderr == ""


def test_the_graph_runs_from_orders_and_guests_to_the_report(location: dg.Definitions) -> None:
    graph = location.resolve_asset_graph()

    order = [key.to_user_string() for key in graph.toposorted_asset_keys]

    beside = {
        "daily_sales", "reconciliation", "vouchers", "voucher_delivery_logs", "people_retention",
        "student_billing", "payment_records",
    }  # fmt: skip
    assert [name for name in order if name not in beside] == [
        "orders",
        "payments",
        "entitlements",
        "payment_matches",
        "missing_tickets",
        "tickets",
        "ticket_pdfs",
        "generation_report",
        "ticket_deliveries",
    ]


def test_every_asset_has_a_known_partitioning_an_owner_and_a_description(
    location: dg.Definitions,
) -> None:
    specs = list(location.resolve_all_asset_specs())

    assert {spec.partitions_def for spec in specs} == {EVENT_PARTITIONS, DAY_PARTITIONS, None}
    assert all(spec.description and spec.owners and spec.kinds for spec in specs)


def test_nothing_lacks_its_description_area_or_code_version(location: dg.Definitions) -> None:
    repository = location.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    checks = [
        check.get_spec_for_check_key(key)
        for check in location.asset_checks or ()
        if isinstance(check, dg.AssetChecksDefinition)
        for key in check.check_keys
    ]
    specs = list(location.resolve_all_asset_specs())
    tagged = [*specs, *jobs, *repository.sensor_defs, *repository.schedule_defs]

    assert [each for each in [*tagged, *checks] if not each.description] == []
    assert [each for each in tagged if "ticketing/area" not in (each.tags or {})] == []
    assert [spec.key for spec in specs if not spec.code_version] == []
    assert len(checks) > 25


def test_a_code_version_changes_with_a_file_of_the_package_and_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("drawing", "selling_all"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "inner" / "rules.py").write_text("LIMIT = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    before = source_version("drawing")
    other = tmp_path / "selling_all" / "inner" / "rules.py"
    other.write_text("LIMIT = 2", encoding="utf-8")
    _module_digest.cache_clear()
    unrelated = source_version("drawing")
    (tmp_path / "drawing" / "inner" / "rules.py").write_text("LIMIT = 2", encoding="utf-8")
    _module_digest.cache_clear()

    assert unrelated == before
    assert source_version("drawing") != before


def test_tables_have_their_columns(location: dg.Definitions) -> None:
    columns = {
        spec.key.to_user_string(): len(spec.metadata["dagster/column_schema"].schema.columns)
        for spec in location.resolve_all_asset_specs()
        if "dagster/table_name" in spec.metadata
    }

    assert min(columns.values()) > 5
    assert set(columns) == {
        "orders", "payments", "entitlements", "tickets", "ticket_deliveries", "vouchers",
        "payment_records",
    }  # fmt: skip


def test_no_schedule_that_issues_a_rosters_tickets_runs_by_itself(
    location: dg.Definitions,
) -> None:
    running = {
        schedule.name: schedule.job_name
        for schedule in location.get_repository_def().schedule_defs
        if schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    }

    assert running == {
        "apply_sending_rules_every_10_minutes": "apply_sending_rules",
        "send_alerts_every_10_minutes": "send_alert_digest",
        "process_bounces_every_10_minutes": "mail_bounces",
        "daily_reconciliation_nightly": "daily_reconciliation",
        "back_up_nightly": "backup",
        "delete_expired_documents_nightly": "document_retention",
        "delete_old_runs_nightly": "run_history",
        "sync_payments_nightly": "sync_payment_records",
        "apply_retention_nightly": "apply_retention",
        "check_deliveries_hourly": "check_deliveries",
        "expire_orders_every_10_minutes": "order_expiry",
        "send_webhooks_every_minute": "webhooks",
        "reconcile_payments_hourly": "payment_reconciliation",
        "check_sales_hourly": "check_sales",
        "maintain_vouchers_every_5_minutes": "voucher_maintenance",
        "check_vouchers_hourly": "check_vouchers",
        "check_routers_hourly": "check_routers",
    }
