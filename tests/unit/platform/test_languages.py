"""Tests of the language that a browser asks for."""

import pytest

from ticketing.platform.kernel.languages import choose_language, localise


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", ""),
        ("de-DE, fr;q=0.5, *;q=0.1", ""),
        ("en-US,en;q=0.9", "en"),
        ("de, en;q=0.7, id;q=0.8", "id"),
        ("id, en", "id"),
        ("in-ID", "id"),
        ("ID;q=0, EN ; q=0.1", "en"),
        ("en;q=x, id;q=", ""),
    ],
)
def test_the_preferred_one_of_our_languages_is_chosen(header: str, chosen: str) -> None:
    assert choose_language(header) == chosen


@pytest.mark.parametrize(
    ("locale", "language", "used"),
    [("id", "", "id"), ("en_US", "en", "en_US"), ("id", "en", "en_GB"), ("ar", "id", "id_ID")],
)
def test_the_locale_of_an_event_is_kept_for_its_own_language(
    locale: str, language: str, used: str
) -> None:
    assert localise(locale, language) == used
