"""Tests of voucher codes: random, easy to type, and not shown by accident."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.errors import UnusableCodeRule
from ticketing.routers.credentials import DIGITS, READABLE_ALPHABET, CodeRule, Credentials
from ticketing.routers.model import HotspotUser, Marker, RouterUser, RowMatch, match_row

rules = st.builds(
    CodeRule,
    prefix=st.text("abc-XYZ09", max_size=16),
    alphabet=st.sampled_from([READABLE_ALPHABET, DIGITS, READABLE_ALPHABET.upper(), "ab"]),
    length=st.integers(27, 32),
    password_length=st.none() | st.integers(27, 32),
)


@given(rules, st.data())
def test_a_code_follows_its_rule(rule: CodeRule, data: st.DataObject) -> None:
    chance = data.draw(st.binary(min_size=rule.random_bytes, max_size=rule.random_bytes))

    drawn = rule.generate_credentials(chance)

    assert drawn.name.startswith(rule.prefix)
    assert len(drawn.name) == len(rule.prefix) + rule.length
    assert set(drawn.name.removeprefix(rule.prefix)) <= set(rule.alphabet)
    assert set(drawn.password) <= set(rule.alphabet) | set(rule.prefix)


@given(st.binary(min_size=32, max_size=32))
def test_without_a_separate_password_the_code_is_the_password(chance: bytes) -> None:
    drawn = CodeRule(prefix="gsp-").generate_credentials(chance)

    assert drawn.password == drawn.name


@given(st.binary(min_size=32, max_size=32))
def test_a_separate_password_is_independent_of_the_code(chance: bytes) -> None:
    alone = CodeRule().generate_credentials(chance)
    beside = CodeRule(password_length=10).generate_credentials(chance)

    assert beside.name == alone.name
    assert len(beside.password) == 10


@given(st.sets(st.integers(0, 10**8 - 1), min_size=2, max_size=50))
def test_different_drawings_are_different_codes(drawings: set[int]) -> None:
    rule = CodeRule(alphabet=DIGITS)

    codes = {rule.generate_credentials(number.to_bytes(12, "big")).name for number in drawings}

    assert len(codes) == len(drawings)


def test_every_character_is_as_likely_as_every_other() -> None:
    rule = CodeRule(alphabet=DIGITS)

    # drawings are divided among codes, and some codes get one drawing more than others
    drawings_a_code = 256**rule.random_bytes // 10**rule.length

    assert drawings_a_code > 2**64


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"prefix": "*1"}, "prefix"),
        ({"prefix": "a,b"}, "prefix"),
        ({"prefix": "kafé"}, "prefix"),
        ({"prefix": "x" * 17}, "prefix"),
        ({"alphabet": "abc,"}, "letters and digits"),
        ({"alphabet": "äöü"}, "letters and digits"),
        ({"alphabet": ""}, "letters and digits"),
        ({"alphabet": "aab"}, "twice"),
        ({"length": 0}, "1 to 32"),
        ({"length": 33}, "1 to 32"),
        ({"length": 5}, "only 28,629,151 codes"),
        ({"alphabet": DIGITS, "length": 7}, "only 10,000,000 codes"),
        ({"alphabet": DIGITS, "length": 5, "password_length": 8}, "only 100,000 codes"),
        ({"alphabet": DIGITS, "length": 6, "password_length": 7}, "only 10,000,000 passwords"),
        ({"alphabet": "a", "length": 32}, "only 1 codes"),
    ],
)
def test_unsafe_or_guessable_code_rules_are_refused(rule: dict[str, object], reason: str) -> None:
    with pytest.raises(UnusableCodeRule, match=reason):
        CodeRule(**rule)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule",
    [
        CodeRule(),
        CodeRule(alphabet=DIGITS, length=8),
        CodeRule(alphabet=DIGITS, length=6, password_length=8),
        CodeRule(prefix="", length=6),
    ],
)
def test_common_code_rules_are_allowed(rule: CodeRule) -> None:
    assert rule.generate_credentials(bytes(32)).name == rule.alphabet[0] * rule.length


def test_neither_code_nor_password_is_shown_by_accident(wanted: HotspotUser) -> None:
    shown = f"{wanted!r} {wanted.marker!r} {wanted.credentials!r} {wanted.credentials}"

    assert "gspabc" not in shown
    assert "secret" not in shown


@pytest.fixture
def wanted() -> HotspotUser:
    return HotspotUser(Credentials("gspabc", "secret"), "1h", Marker("gsp", "ORD-7K3M-1", "gspabc"))


@pytest.fixture
def present(wanted: HotspotUser) -> RouterUser:
    """Return the same user as the router shows it."""
    return RouterUser(
        id="*2",
        name=wanted.name,
        profile="1h",
        comment=str(wanted.marker),
        online=timedelta(0),
        bytes_used=0,
        disabled=False,
    )


parts = st.from_regex(r"[A-Za-z0-9-]{1,40}", fullmatch=True)
offices = st.from_regex(r"[a-z0-9-]{1,16}", fullmatch=True)


@given(offices, parts, parts)
def test_a_marker_is_read_back_as_it_was_written(office: str, key: str, name: str) -> None:
    marker = Marker(office, key, name)

    assert Marker.parse(str(marker)) == marker


@given(st.text())
def test_any_comment_is_a_marker_or_none(comment: str) -> None:
    marker = Marker.parse(comment)

    assert marker is None or str(marker) == comment


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "up-123-01.31.26-note",
        "jan/31/2026 19:00:00",
        "2026-01-31 19:00:00",
        "counters and limits for trial users",
        "tk:gsp:ORD-1",
        "tk:gsp:ORD-1:a:b",
        "tk:GSP:ORD-1:a",
        " tk:gsp:ORD-1:a",
        "tk:gsp:ORD-1:a\n",
        "tk:gsp:ORD-1:ä",
    ],
)
def test_foreign_comments_are_no_markers(comment: str) -> None:
    assert Marker.parse(comment) is None


@pytest.mark.parametrize(
    "parts",
    [("", "K", "n"), ("GSP", "K", "n"), ("g", "K:1", "n"), ("g", "K", "n n"), ("g", "K" * 41, "n")],
)
def test_a_marker_that_could_not_be_parsed_is_refused(parts: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="a marker's parts"):
        Marker(*parts)


def test_a_row_is_ours_by_its_marker(wanted: HotspotUser, present: RouterUser) -> None:
    assert present.marker == wanted.marker
    assert match_row(wanted, [present]) is RowMatch.OURS


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"name": "gspxyz"}, RowMatch.ABSENT),
        ({"name": "GSPABC"}, RowMatch.ABSENT),
        ({"comment": "up-123-01.31.26-"}, RowMatch.TAKEN),
        ({"comment": "tk:gsp:ORD-7K3M-2:gspabc"}, RowMatch.TAKEN),
        ({"comment": "tk:uii:ORD-7K3M-1:gspabc"}, RowMatch.TAKEN),
    ],
)
def test_a_copied_renamed_or_foreign_row_is_not_ours(
    wanted: HotspotUser, present: RouterUser, change: dict[str, str], found: RowMatch
) -> None:
    other = replace(present, **change)  # type: ignore[arg-type]

    assert match_row(wanted, [other]) is found


def test_a_row_of_the_same_name_on_another_server_does_not_hide_ours(
    wanted: HotspotUser, present: RouterUser
) -> None:
    foreign = replace(present, id="*9", comment="")

    assert match_row(wanted, [foreign, present]) is RowMatch.OURS
