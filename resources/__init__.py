"""Dagster resources: configuration in, a plain ticketing object out."""

from resources.office import BoxOffice


def from_environment() -> dict[str, object]:
    """What the definitions are given outside tests."""
    return {"office": BoxOffice()}
