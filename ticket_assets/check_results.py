"""Conversion of an invariant's result to a Dagster check result."""

import dagster as dg

from ticket_assets import metadata as ticket_asset_metadata
from ticketing.platform.kernel.invariant import InvariantResult


def to_check_result(
    invariant: InvariantResult,
    unit: str,
    repair: str,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Return a check result with counts, the first violations and the repair command.

    `unit` names the examined items.
    """
    metadata: ticket_asset_metadata.Metadata = {
        "examined": invariant.examined,
        "total": invariant.total,
        "violations": invariant.violation_count,
    }
    if invariant.holds:
        return dg.AssetCheckResult(passed=True, metadata=metadata)
    first = invariant.violations[0]
    return dg.AssetCheckResult(
        passed=False,
        severity=severity,
        description=(
            f"{invariant.violation_count} of {invariant.examined} {unit}, such as {first.subject}:"
            f" {first.problem}. Repair: {repair}"
        ),
        metadata={
            **metadata,
            "first violations": ticket_asset_metadata.markdown_table(
                ["item", "problem"], invariant.violations, total=invariant.violation_count
            ),
            "repair": dg.MetadataValue.md(f"`{repair}`"),
        },
    )
