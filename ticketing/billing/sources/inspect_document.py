"""Inspect a received document: fields and words that a mapping file does not read."""

from collections.abc import Iterator
from dataclasses import dataclass

from ticketing.billing.sources.contract import FailedFetch
from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.model import SourceMapping
from ticketing.billing.sources.mapping.paths import first_filled, walk, word
from ticketing.billing.sources.mapping.record import read_record
from ticketing.billing.sources.strict_json import BadDocument, parse_document


@dataclass(frozen=True, slots=True)
class DocumentFindings:
    """The parts of a document that the mapping file leaves out, and contradictions in a record."""

    unmapped: tuple[str, ...]  # fields that no line of the mapping file reads
    unknown_words: tuple[str, ...]  # of the status
    contradictions: tuple[str, ...]


def inspect_document(mapping: SourceMapping, external_id: str, text: str) -> DocumentFindings:
    """Return what a mapping does not read in a text, which need not be a usable record."""
    outcome = read_record(mapping, external_id, text)
    try:
        document = parse_document(text)
    except BadDocument:
        document = None
    return DocumentFindings(
        tuple(sorted(set(_leaves(document, "")) - set(_mapped(mapping)))),
        tuple(sorted(set(_unknown_words(mapping, document)))),
        () if isinstance(outcome, FailedFetch) else outcome.contradictions,
    )


def _leaves(value: object, path: str) -> Iterator[str]:
    """Yield the dotted path of every scalar, lists left out of the path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif path:
        yield path


def _mapped(mapping: SourceMapping) -> Iterator[str]:
    """Yield every path that the mapping reads, from the root of the document."""
    rows = mapping.rows
    used = [*rows.fields.paths, *([rows.owner] if rows.owner else [])]
    used += [rows.skip.field] if rows.skip else []
    yield from _from_root(used, rows.each)
    if rows.summary:
        totals = [rows.summary.due, *filter(None, [rows.summary.paid])]
        yield from _from_root(totals, rows.summary.each)
    for field in (rows.fields.amount_paid, rows.fields.amount_due, rows.fields.paid_at):
        if field and field.children:
            names = [field.field, field.where and field.where.field]
            children = [f"{field.children}.{name}" for name in names if name]
            yield from _from_root(children, rows.each)
    yield from mapping.record.ok
    yield from (meaning.path for meaning in mapping.record.answers)
    yield from mapping.record.volatile


def _from_root(paths: list[str], each: tuple[tuple[str, str], ...]) -> Iterator[str]:
    roots = {"doc": ""}
    for name, path in each:
        roots[name] = _join(roots, path)
    yield from (_join(roots, path) for path in paths)


def _join(roots: dict[str, str], path: str) -> str:
    head, _, rest = path.partition(".")
    return ".".join(filter(None, (roots[head], rest)))


def _unknown_words(mapping: SourceMapping, document: object) -> Iterator[str]:
    status = mapping.rows.fields.status
    if status is None:
        return
    try:
        for scope in walk({"doc": document}, mapping.rows.each):
            found = first_filled(scope, status.source)
            if isinstance(found, (str, int)) and word(found) not in status.map:
                yield word(found)
    except BadRecord:
        return  # the problem of the check says it
