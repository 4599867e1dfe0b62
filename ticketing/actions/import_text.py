"""An import's result as lines for people: the report beside a dropped file."""

from collections.abc import Iterator

from ticketing.actions.import_result import ImportResult

_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}


def told(result: ImportResult) -> str:
    """What became of every row, what changed, what is kept aside and why."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: ImportResult) -> Iterator[str]:
    counts = result.counts
    yield f"{result.source} into {result.event}" + (" (dry run)" if result.dry_run else "")
    yield (
        f"{result.total} rows: {counts.inserted} inserted, {counts.updated} updated, "
        f"{counts.unchanged} unchanged, {counts.quarantined} quarantined"
    )
    if result.encoding:
        delimiter = _NAMES.get(result.delimiter, result.delimiter)
        yield f"read as {result.encoding}, columns divided by {delimiter}"
    yield "columns: " + ", ".join(f"{name} is {field}" for field, name in result.mapping.items())
    if result.ignored_columns:
        yield f"not used: {', '.join(result.ignored_columns)}"
    yield from (f"warning: {warning}" for warning in result.warnings)
    yield from _changes(result)
    if result.withdrawal.people:
        yield (
            f"absent: {result.withdrawal.people}, "
            f"{result.withdrawal.with_live_tickets} of them with a live ticket"
        )
    for row in result.quarantine:
        yield f"line {row.line} quarantined: {row.field} {row.value!r}: {row.reason}"
    if counts.quarantined > len(result.quarantine):
        yield f"and {counts.quarantined - len(result.quarantine)} more in the quarantine file"


def _changes(result: ImportResult) -> Iterator[str]:
    if result.changed_fields:
        fields = (f"{field} of {count}" for field, count in result.changed_fields.items())
        yield f"changed: {', '.join(fields)}"
    for change in result.changes:
        yield (
            f"line {change.line}: {change.person}: {change.field} {change.old!r} -> {change.new!r}"
        )
