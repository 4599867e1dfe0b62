"""Tests of e-mail addresses: the fast check agrees with the library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel import email_address
from ticketing.platform.kernel.email_address import normalise_email

PIECES = ["budi", "B", ".", "..", "@", "-", "_", "+", "example", "org", "ac.id", " ", "xn--", "é",
          "test", "local", "1", "'", '"', "ü.de", "x" * 65]  # fmt: skip
written = st.one_of(
    st.emails(), st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.text(max_size=20)
)


@given(written)
def test_the_fast_path_agrees_with_the_library(text: str) -> None:
    said = []

    for ask in (normalise_email, email_address.normalise_with_library):
        try:
            said.append(ask(text))
        except ValueError as error:
            said.append(str(error))

    assert said[0] == said[1]


@given(st.emails())
def test_case_does_not_make_another_person(text: str) -> None:
    try:
        normal = normalise_email(text)
    except ValueError:
        return  # Hypothesis knows addresses that no provider would give

    assert normalise_email(normal) == normal == normal.lower()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("budi", "@-sign"),
        ("budi@", "after the @-sign"),
        ("budi@host", "not valid|period"),
        ("budi@example.local", "special"),
        ("a b@example.org", "SPACE"),
        ("Budi <budi@example.org>", "display name|not permitted|invalid"),
        ("budi@example..org", "period|two periods"),
    ],
)
def test_a_broken_address_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        normalise_email(text)
