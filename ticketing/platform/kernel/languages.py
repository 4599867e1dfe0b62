"""The languages of pages and messages of buyers, and the one that a browser asks for."""

from typing import Literal

Language = Literal["id", "en"]
LOCALES: dict[str, str] = {"id": "id_ID", "en": "en_GB"}
LANGUAGES = tuple(LOCALES)
_FORMER_CODES = {"in": "id"}  # of Indonesian, sent by old phones


def language_of(locale: str) -> str:
    """Return the language of a locale such as `id_ID` or `id-ID`."""
    code = locale.strip().lower().replace("-", "_").partition("_")[0]
    return _FORMER_CODES.get(code, code)


def localise(locale: str, language: str) -> str:
    """Return the locale to use for a language: the given one if none or the same is wanted."""
    return locale if language in {"", language_of(locale)} else LOCALES[language]


def choose_language(accept_language: str) -> str:
    """Return the one of our languages that an `Accept-Language` header prefers, empty for none."""
    weights: dict[str, float] = {}
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        language, weight = language_of(tag), _parse_weight(parameter)
        if language in LANGUAGES and weight > weights.get(language, 0):
            weights[language] = weight
    return max(weights, key=weights.__getitem__, default="")


def _parse_weight(parameter: str) -> float:
    """Return the weight of a language; 0, not wanted, for one that cannot be read."""
    name, _, number = parameter.partition("=")
    if not name.strip():
        return 1
    try:
        return float(number) if name.strip() == "q" else 0
    except ValueError:
        return 0
