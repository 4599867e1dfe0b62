"""Turn the text of a student's document into a checked record, or say why not."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256

from ticketing.billing.sources.contract import (
    Bill,
    FailedFetch,
    FailureClass,
    FetchedRecord,
    PaymentState,
)
from ticketing.billing.sources.mapping.errors import AnswerMeansFailure, BadRecord
from ticketing.billing.sources.mapping.model import Meaning, SourceMapping, Words
from ticketing.billing.sources.mapping.money import parse_money
from ticketing.billing.sources.mapping.paths import MISSING, find, walk, word
from ticketing.billing.sources.mapping.rows import read_bills
from ticketing.billing.sources.mapping.values import naming
from ticketing.billing.sources.strict_json import (
    BadDocument,
    canonical_json,
    parse_document,
    shorten,
)

_STOPPING = {FailureClass.REFUSED, FailureClass.SOURCE_CONFIG, FailureClass.PAUSED_QUOTA}
_NOT_COUNTED = {PaymentState.CANCELLED}


def read_record(
    mapping: SourceMapping, external_id: str, raw: str, etag: str | None = None
) -> FetchedRecord | FailedFetch:
    """Return the record of a JSON text.

    Stored texts can be read again with a new mapping, without asking the source.
    """
    try:
        document = parse_document(raw)
        require_answer(document, mapping.record.ok, mapping.record.answers)
        bills = read_bills(mapping, external_id, document)
        contradictions = compare_with_summary(mapping, document, bills)
    except BadRecord as error:
        stops = error.failure in _STOPPING
        return FailedFetch(external_id, error.failure, str(error), stops_run=stops)
    except BadDocument as error:
        return FailedFetch(external_id, FailureClass.BAD_DATA, str(error))
    checksum = checksum_of(document, mapping.record.volatile)
    return FetchedRecord(external_id, raw, checksum, etag, bills, contradictions)


def require_answer(document: object, ok: Words, answers: Sequence[Meaning]) -> None:
    """Raise BadRecord unless the document says that it is an answer."""
    for meaning in answers:
        if _is_among(find({"doc": document}, f"doc.{meaning.path}"), meaning.among):
            said = word(find({"doc": document}, f"doc.{meaning.path}"))
            raise AnswerMeansFailure(meaning.means, f"the source says {meaning.path} = {said!r}")
    for path, words in ok.items():
        found = find({"doc": document}, f"doc.{path}")
        if not _is_among(found, words):
            state = "missing" if found is MISSING else shorten(found)
            raise BadRecord(f"{path} is {state}, expected {' or '.join(map(repr, words))}")


def compare_with_summary(
    mapping: SourceMapping, document: object, bills: Sequence[Bill]
) -> tuple[str, ...]:
    """Return where the document's own totals differ from the sums of its bills."""
    summary = mapping.rows.summary
    if summary is None:
        return ()
    scopes = list(walk({"doc": document}, summary.each))
    counted = [bill for bill in bills if bill.state not in _NOT_COUNTED]
    compared = [
        ("due", summary.due, sum((bill.amount_due for bill in counted), Decimal(0))),
        ("paid", summary.paid, sum((bill.amount_paid for bill in counted), Decimal(0))),
    ]
    different = []
    for name, path, ours in compared:
        if path is None:
            continue
        with naming(f"summary: {path}"):
            theirs = sum(
                (parse_money(find(scope, path), summary.money) for scope in scopes), Decimal(0)
            )
        if theirs != ours:
            different.append(f"{name}: the record says {theirs}, its bills add up to {ours}")
    return tuple(different)


def checksum_of(document: object, volatile: Sequence[str]) -> str:
    """Return the SHA-256 of the canonical document without its volatile fields."""
    return sha256(canonical_json(_without(document, volatile))).hexdigest()


def _without(document: object, paths: Sequence[str]) -> object:
    for path in paths:
        document = _without_one(document, path)
    return document


def _without_one(document: object, path: str) -> object:
    head, _, rest = path.partition(".")
    if not isinstance(document, dict) or head not in document:
        return document
    others = {key: value for key, value in document.items() if key != head}
    return others | {head: _without_one(document[head], rest)} if rest else others


def _is_among(value: object, words: Sequence[bool | int | str]) -> bool:
    # 1 == True in Python, and not in JSON
    return any(type(value) is type(each) and value == each for each in words)
