"""Decorator of sensors: running by default, and described by the docstring."""

import inspect
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

Job = dg.JobDefinition | UnresolvedAssetJobDefinition


def running_sensor(
    *,
    minimum_interval_seconds: int,
    job: Job | None = None,
    job_name: str | None = None,
) -> Callable[[Callable[..., Any]], dg.SensorDefinition]:
    """Return a decorator like `dg.sensor`; Dagster's page shows the function's docstring."""

    def decorate(function: Callable[..., Any]) -> dg.SensorDefinition:
        return dg.sensor(
            job=job,
            job_name=job_name,
            description=inspect.getdoc(function),
            minimum_interval_seconds=minimum_interval_seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
        )(function)

    return decorate
