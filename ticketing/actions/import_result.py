"""What can be asked of an import, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ticketing.domain.roster import Change, Counts, QuarantinedRow
from ticketing.store.roster_withdrawal import Withdrawal

CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read and what to do. Empty encoding and delimiter are found out.

    `mapping` leads columns to fields where their names do not. `quarantine_path` is where rows
    kept aside are written as a CSV, if there are any; in a dry run too.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    dry_run: bool = False
    withdraw_absent: bool = False
    chunk: int = CHUNK
    patience_seconds: float = 30.0
    quarantine_path: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Where every row ended, and how the file was understood. Lists hold the first few only.

    `withdrawal` says who is absent when that was asked: withdrawn, or in a dry run, would be.
    """

    import_id: int | None  # None for a dry run
    dry_run: bool
    event: str
    source: str
    total: int
    counts: Counts
    withdrawal: Withdrawal
    encoding: str
    delimiter: str
    digest: str
    mapping: Mapping[str, str]
    ignored_columns: Sequence[str]
    warnings: Sequence[str]
    changed_fields: Mapping[str, int]
    changes: Sequence[Change]
    quarantine: Sequence[QuarantinedRow]
    seconds: float

    @property
    def inserted(self) -> int:
        """Rows that made an entitlement."""
        return self.counts.inserted

    @property
    def updated(self) -> int:
        """Rows that changed somebody."""
        return self.counts.updated

    @property
    def unchanged(self) -> int:
        """Rows that said what was known."""
        return self.counts.unchanged

    @property
    def quarantined(self) -> int:
        """Rows kept aside."""
        return self.counts.quarantined

    @property
    def withdrawn(self) -> int:
        """People whose entitlement was taken back, being absent."""
        return 0 if self.dry_run else self.withdrawal.people

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        flat: dict[str, object] = asdict(self)
        del flat["counts"]
        return flat | asdict(self.counts) | {"withdrawn": self.withdrawn} | self._lists()

    def _lists(self) -> dict[str, object]:
        """Named tuples become objects, not arrays."""
        return {
            "changes": [change._asdict() for change in self.changes],
            "quarantine": [row._asdict() for row in self.quarantine],
        }
