"""Names that are probably two spellings of one: another order of words, accents, a mistyped letter.

A hint for people, not a decision: relatives share addresses, and some have similar names.
"""

import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import combinations

_NEAR = 0.88  # Siti Nurhaliza and Siti Nurhalizah: 0.97; Ani Lestari and Budi Lestari: 0.78


def fold_name(name: str) -> str:
    """Return the words of a name in alphabetical order, without case, accents or punctuation."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", name.casefold())
        if not unicodedata.combining(character)
    )
    return " ".join(sorted(re.findall(r"\w+", plain)))


def find_near_names(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two different names that are nearly the same, or None."""
    for one, other in combinations(dict.fromkeys(names), 2):
        folded = fold_name(one), fold_name(other)
        if SequenceMatcher(None, *folded, autojunk=False).ratio() >= _NEAR:
            return one, other
    return None
