"""Decide which bill a credit pays. Only a reference decides; a name and an amount propose."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ticketing.platform.kernel.text import normalise_text

_MIN_NAME_WORDS = 2  # one word of a text is too often somebody else's name


class RowState(StrEnum):
    """The state of a credit after matching."""

    MATCHED = "matched"  # it pays the bill
    PROPOSED = "proposed"  # it probably pays the bill; somebody has to confirm it
    NO_MATCH = "no_match"
    DUPLICATE = "duplicate"  # what it names is paid already
    AMOUNT_DIFFERS = "amount_differs"  # what it names is open with another amount


class Reason(StrEnum):
    """Why."""

    REFERENCE = "reference"
    SEVERAL_BILLS = "several_bills"
    PARTLY_PAID = "partly_paid"
    NAME_AND_AMOUNT = "name_and_amount"
    SEVERAL_NAMES = "several_names"
    NO_REFERENCE = "no_reference"
    UNKNOWN_STUDENT = "unknown_student"
    NO_BILL = "no_bill"
    ALREADY_PAID = "already_paid"
    AMOUNT = "amount"
    BY_HAND = "by_hand"
    UNMATCHED = "unmatched"


@dataclass(slots=True)
class MatchedBill:
    """A bill of a student: `source_paid` is the source's sum, `owed` regards matched rows too."""

    id: int
    external_id: str
    name: str
    source_ref: str
    code: str
    period: str | None
    currency: str
    source_paid: Decimal
    owed: Decimal


@dataclass(frozen=True, slots=True)
class UndecidedRow:
    """A credit whose bill is not known yet."""

    id: int
    amount: Decimal
    currency: str
    text: str
    student_reference: str
    bill_reference: str


@dataclass(frozen=True, slots=True)
class MatchVerdict:
    """The state of a credit, why, and the bill of a match or proposal."""

    state: RowState
    reason: Reason
    bill: MatchedBill | None = None


def judge_by_reference(row: UndecidedRow, bills: Sequence[MatchedBill] | None) -> MatchVerdict:
    """Return the verdict on a credit that names a student with these bills; None is no student."""
    if bills is None:
        return MatchVerdict(RowState.NO_MATCH, Reason.UNKNOWN_STUDENT)
    named = [bill for bill in bills if bill.currency == row.currency and _is_named(row, bill)]
    if not named:
        return MatchVerdict(RowState.NO_MATCH, Reason.NO_BILL)
    return _judge_named(row, named)


def _judge_named(row: UndecidedRow, named: Sequence[MatchedBill]) -> MatchVerdict:
    owing = [bill for bill in named if bill.owed > 0]
    equal = [bill for bill in owing if bill.owed == row.amount]
    if not owing:
        return MatchVerdict(RowState.DUPLICATE, Reason.ALREADY_PAID, named[-1])
    if not equal:
        only = owing[0] if len(owing) == 1 else None
        return MatchVerdict(RowState.AMOUNT_DIFFERS, Reason.AMOUNT, only)
    first = equal[0]
    if len(equal) > 1:
        return MatchVerdict(RowState.PROPOSED, Reason.SEVERAL_BILLS, first)
    if first.source_paid > 0:
        # what the source counts may be this very payment
        return MatchVerdict(RowState.PROPOSED, Reason.PARTLY_PAID, first)
    return MatchVerdict(RowState.MATCHED, Reason.REFERENCE, first)


def judge_by_name(row: UndecidedRow, bills: Sequence[MatchedBill]) -> MatchVerdict:
    """Return the verdict on a credit without a reference; never more than a proposal."""
    words = set(name_words(row.text))
    fitting = [
        bill
        for bill in bills
        if bill.owed == row.amount > 0
        and bill.currency == row.currency
        and len(name_words(bill.name)) >= _MIN_NAME_WORDS
        and words.issuperset(name_words(bill.name))
    ]
    if not fitting:
        return MatchVerdict(RowState.NO_MATCH, Reason.NO_REFERENCE)
    if len({bill.external_id for bill in fitting}) > 1:
        return MatchVerdict(RowState.NO_MATCH, Reason.SEVERAL_NAMES)
    oldest = min(fitting, key=lambda bill: (bill.period or "", bill.id))
    return MatchVerdict(RowState.PROPOSED, Reason.NAME_AND_AMOUNT, oldest)


class BillsByName:
    """Bills by the first word of the student's name, so that a text is compared with few."""

    def __init__(self, bills: Sequence[MatchedBill]) -> None:
        self._bills: defaultdict[str, list[MatchedBill]] = defaultdict(list)
        for bill in bills:
            for word in name_words(bill.name)[:1]:
                self._bills[word].append(bill)

    def find(self, text: str) -> list[MatchedBill]:
        """Return the bills of students whose name begins with a word of the text."""
        return [bill for word in set(name_words(text)) for bill in self._bills.get(word, ())]


def name_words(text: str) -> list[str]:
    """Return the words of a name or text, in one case, without punctuation."""
    letters = "".join(each if each.isalnum() else " " for each in normalise_text(text).casefold())
    return letters.split()


def _is_named(row: UndecidedRow, bill: MatchedBill) -> bool:
    wanted = row.bill_reference.casefold()
    return wanted in {"", bill.code.casefold(), bill.source_ref.casefold()}
