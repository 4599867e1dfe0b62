"""Dagster resources."""

from resources.application import ApplicationResource


def from_environment() -> dict[str, object]:
    """Return the resources of the deployed definitions; tests pass their own."""
    return {"application": ApplicationResource()}
