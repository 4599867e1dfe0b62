"""Decorator of sensors: running by default, and described by the docstring."""

import inspect
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ticket_assets import run_queue

Job = dg.JobDefinition | UnresolvedAssetJobDefinition


def running_sensor(
    *,
    area: str,
    minimum_interval_seconds: int,
    job: Job | None = None,
    job_name: str | None = None,
) -> Callable[[Callable[..., Any]], dg.SensorDefinition]:
    """Return a decorator like `dg.sensor`; it shows the docstring and has the area's tag."""

    def decorate(function: Callable[..., Any]) -> dg.SensorDefinition:
        return dg.sensor(
            job=job,
            job_name=job_name,
            description=inspect.getdoc(function),
            tags=run_queue.area(area),
            minimum_interval_seconds=minimum_interval_seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
        )(function)

    return decorate
