"""Names that are probably two spellings of one: another order of words, accents, a mistyped letter.

A hint for people, not a decision: relatives share addresses, and some have similar names.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import combinations, islice

_NEAR = 0.88  # Siti Nurhaliza and Siti Nurhalizah: 0.97; Ani Lestari and Budi Lestari: 0.78


# a class that gives one number for all its members has hundreds of names under it
MAX_COMPARED_NAMES = 50


def fold_name(name: str) -> str:
    """Return the words of a name in alphabetical order, without case, accents or punctuation."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", name.casefold())
        if not unicodedata.combining(character)
    )
    return " ".join(sorted(re.findall(r"\w+", plain)))


def find_near_names(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two different names that are nearly the same, or None.

    Only the first MAX_COMPARED_NAMES are compared, each with each.
    """
    compared = islice(dict.fromkeys(names), MAX_COMPARED_NAMES)
    folded = [(name, fold_name(name)) for name in compared]
    for (one, folded_one), (other, folded_other) in combinations(folded, 2):
        if SequenceMatcher(None, folded_one, folded_other, autojunk=False).ratio() >= _NEAR:
            return one, other
    return None


def describe_spellings(contact: str, names: Sequence[str]) -> str:
    """Return what is worth a look in the different names of one contact; empty for nothing."""
    pair = " / ".join(find_near_names(names) or ())
    if len(names) <= MAX_COMPARED_NAMES:
        return pair
    compared = f"of {len(names):,} names of {contact} the first {MAX_COMPARED_NAMES} were compared"
    return f"{pair or 'no two nearly the same'} ({compared})"
