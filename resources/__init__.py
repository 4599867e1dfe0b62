"""Dagster resources: configuration in, a plain ticketing object out."""

from resources.application import ApplicationResource


def from_environment() -> dict[str, object]:
    """What the definitions are given outside tests."""
    return {"application": ApplicationResource()}
