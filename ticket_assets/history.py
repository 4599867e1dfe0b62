"""Metadata of earlier materialisations of an asset partition."""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.metadata import Points

MAX_MATERIALIZATIONS = 100


def metadata_history(context: dg.AssetExecutionContext, metadata_key: str, *, now: float) -> Points:
    """Return (days since the first, value) per materialisation, ending with `now`."""
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=context.asset_key, asset_partitions=[context.partition_key]
        ),
        limit=MAX_MATERIALIZATIONS,
    ).records
    points = [(datetime.now(UTC).timestamp(), now)]
    for record in records:
        event = record.asset_materialization
        value = event.metadata.get(metadata_key) if event else None
        if isinstance(value, dg.IntMetadataValue) and value.value is not None:
            points.append((record.timestamp, value.value))
    first = min(at for at, _ in points)
    return sorted(((at - first) / 86400, number) for at, number in points)
