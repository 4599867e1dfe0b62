"""Tests of Dagster's storage: how many sessions it opens."""

import dagster as dg
from sqlalchemy import text

from ticketing.platform.application import Application


def test_instances_of_a_process_share_sessions(
    application: Application,
    persistent_instance: dg.DagsterInstance,
) -> None:
    database = application.dagster_url.database
    opened = text("SELECT sessions FROM pg_stat_database WHERE datname = :name")

    def count_sessions() -> int:
        with application.database.transaction() as connection:
            connection.execute(text("SELECT pg_stat_clear_snapshot()"))
            return int(connection.execute(opened, {"name": database}).scalar_one())

    before = count_sessions()
    for _ in range(20):
        with dg.DagsterInstance.from_ref(persistent_instance.get_ref()) as instance:
            assert instance.get_dynamic_partitions("event")
            instance.get_runs_count()

    assert count_sessions() - before <= 4
