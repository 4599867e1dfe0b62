"""What was found, as the verdict of a check: how many, the first offenders, the way to repair."""

import dagster as dg

from ticket_assets import exhibits
from ticketing.actions.examine import Findings


def verdict(
    found: Findings,
    looked_at: str,
    repair: str,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Passed if nothing was found; `looked_at` names what was counted."""
    metadata: exhibits.Metadata = {
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
            "who": exhibits.table(["which", "wrong"], found.offenders, total=found.broken),
            "repair": dg.MetadataValue.md(f"`{repair}`"),
        },
    )
