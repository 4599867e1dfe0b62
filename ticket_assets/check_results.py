"""What was found, as the verdict of a check: how many, the first offenders, the way to repair."""

import dagster as dg

from ticket_assets import metadata as ticket_asset_metadata
from ticketing.platform.kernel.invariant import InvariantResult


def to_check_result(
    found: InvariantResult,
    looked_at: str,
    repair: str,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Passed if nothing was found; `looked_at` names what was counted."""
    metadata: ticket_asset_metadata.Metadata = {
        "examined": found.examined,
        "out of": found.total,
        "broken": found.broken,
    }
    if found.holds:
        return dg.AssetCheckResult(passed=True, metadata=metadata)
    first = found.offenders[0]
    return dg.AssetCheckResult(
        passed=False,
        severity=severity,
        description=(
            f"{found.broken} of {found.examined} {looked_at}, such as {first.subject}:"
            f" {first.wrong}. Repair: {repair}"
        ),
        metadata={
            **metadata,
            "who": ticket_asset_metadata.markdown_table(
                ["which", "wrong"], found.offenders, total=found.broken
            ),
            "repair": dg.MetadataValue.md(f"`{repair}`"),
        },
    )
