"""Leave out payments that were taken back, so that their date does not count."""

from collections.abc import Sequence
from decimal import Decimal

from ticketing.billing.sources.mapping.fields import Reversals
from ticketing.billing.sources.mapping.money import parse_money
from ticketing.billing.sources.mapping.paths import Scope, find, is_blank, word


def without_reversed(
    payments: Sequence[Scope], everything: Sequence[Scope], rule: Reversals
) -> list[Scope]:
    """Return the payments without those that a reversal names, or without the last of its amount.

    `everything` has payments and reversals in the order of the document.
    """
    words = {word(each) for each in rule.among}
    kept = [each for each in payments if word(find(each, rule.field)) not in words]
    for reversal in everything:
        if word(find(reversal, rule.field)) in words:
            _drop_one(kept, reversal, rule)
    return kept


def _drop_one(kept: list[Scope], reversal: Scope, rule: Reversals) -> None:
    for at in reversed(range(len(kept))):
        if _takes_back(reversal, kept[at], rule):
            del kept[at]
            return


def _takes_back(reversal: Scope, payment: Scope, rule: Reversals) -> bool:
    if rule.reference and rule.id:
        named = find(reversal, rule.reference)
        return not is_blank(named) and word(named) == word(find(payment, rule.id))
    return _amount(reversal, rule) == _amount(payment, rule)


def _amount(item: Scope, rule: Reversals) -> Decimal:
    return abs(parse_money(find(item, rule.amount), rule.money))
