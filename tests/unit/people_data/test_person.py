"""Who is meant by a text, and when several people are."""

import pytest

from ticketing.people_data.person import (
    AmbiguousPerson,
    PersonMatch,
    UnreadableIdentifier,
    parse_identifier,
    require_one_person,
)


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("Siti@Example.org", {"email:siti@example.org"}),
        ("0812-3456-7890", {"tel:+6281234567890", "order:0812-3456-7890"}),
        ("81234567890", {"tel:+6281234567890", "guest:81234567890", "order:81234567890"}),
        ("tel:81234567890", {"tel:+6281234567890"}),
        ("guest:012", {"guest:12"}),
        ("order:abcd-1", {"order:ABCD-1"}),
    ],
)
def test_a_text_means_what_it_may_be_and_a_prefix_settles_it(text: str, readings: set[str]) -> None:
    found = parse_identifier(text, ["ID"])

    assert {f"{one.kind}:{one.value}" for one in found} == readings


@pytest.mark.parametrize("text", ["Siti Rahmawati", "siti@", "guest:siti", ""])
def test_a_name_identifies_nobody(text: str) -> None:
    with pytest.raises(UnreadableIdentifier):
        parse_identifier(text, ["ID"])


@pytest.mark.parametrize(
    ("names", "are_several"),
    [
        (["Siti Rahmawati", "siti rahmawati", "Siti", ""], False),
        (["Siti Rahmawati", "Budi"], True),
        (["Siti Rahmawati", "Siti Aminah"], True),
        ([], False),
    ],
)
def test_different_names_under_one_contact_are_several_people(
    names: list[str], *, are_several: bool
) -> None:
    matches = [PersonMatch(f"guest:{at}", "wisuda", name) for at, name in enumerate(names)]
    place = PersonMatch("guest:9", "wisuda", "A friend of the buyer", is_place=True)

    require_one_person([*matches, place], all_matches=True)
    if are_several:
        with pytest.raises(AmbiguousPerson, match="guest:0 \\(wisuda\\)"):
            require_one_person([*matches, place], all_matches=False)
    else:
        require_one_person([*matches, place], all_matches=False)
