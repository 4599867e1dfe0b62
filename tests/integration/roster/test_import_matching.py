"""Tests of matching rows to known guests by natural key; ambiguous rows are rejected."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import guests
from ticketing.roster.import_result import ImportResult
from ticketing.roster.model import ImportCounts

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]

HEADER = "nim,nama,email,hp"


@pytest.mark.parametrize(
    ("known", "row", "key"),
    [
        (",Siti,s@example.org,", "1,Siti,s@example.org,", "id:1"),
        (",Siti,s@example.org,", "1,SITI,S@Example.org,0812345678", "id:1"),
        (",Siti,,0812345678", "1,Siti,new@example.org,0812345678", "id:1"),
        (",Siti,,0812345678", ",Siti,s@example.org,0812345678", "email:s@example.org"),
        (",Siti,s@example.org,0812345678", "1,Siti,,0812345678", None),
    ],
)
def test_a_guest_with_a_weaker_key_is_matched_by_a_stronger_one(
    import_csv: Import, read_guests: ReadGuests, known: str, row: str, key: str | None
) -> None:
    import_csv(HEADER, known)

    result = import_csv(HEADER, row)

    expected = [key] if key else ["email:s@example.org", "id:1"]
    assert list(read_guests()) == expected
    assert result.counts == (ImportCounts(updated=1) if key else ImportCounts(inserted=1))


@pytest.mark.parametrize(
    ("known", "row"),
    [
        ("1,Siti,s@example.org,0812345678", ",Siti,s@example.org,0812345678"),
        ("1,Siti,s@example.org,0812345678", ",siti,,0812345678"),
        (",Siti,s@example.org,0812345678", ",Siti,,0812345678"),
    ],
)
def test_a_row_with_a_weaker_key_matches_the_guest_and_keeps_the_stronger_key(
    import_csv: Import, read_guests: ReadGuests, known: str, row: str
) -> None:
    import_csv(HEADER, known)
    before = list(read_guests())

    import_csv(HEADER, row)

    assert list(read_guests()) == before


def test_an_empty_cell_never_clears_a_natural_key(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, ",Siti,s@example.org,0812345678")

    import_csv(HEADER, ",Siti,,0812345678")

    assert read_guests()["email:s@example.org"]["email"] == "s@example.org"


def test_two_ids_are_two_guests_with_any_shared_fields(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    result = import_csv(HEADER, "1,Siti,parent@example.org,", "2,Siti,parent@example.org,")

    assert result.counts == ImportCounts(inserted=2)
    assert list(read_guests()) == ["id:1", "id:2"]


@pytest.mark.parametrize(
    ("known", "row", "reason"),
    [
        (",Budi,p@example.org,", "1,Siti,p@example.org,", "the address belongs to Budi"),
        ("1,Budi,p@example.org,", ",Siti,p@example.org,", "the address belongs to Budi (id:1)"),
        (",Budi,,0812345678", "1,Siti,s@example.org,0812345678", "the number belongs to Budi"),
        ("1,Budi,,0812345678", ",Siti,,0812345678", "the number belongs to Budi"),
    ],
)
def test_a_known_address_under_another_name_is_rejected(
    import_csv: Import, read_guests: ReadGuests, known: str, row: str, reason: str
) -> None:
    import_csv(HEADER, known)
    before = read_guests()

    result = import_csv(HEADER, row)

    assert result.counts == ImportCounts(quarantined=1)
    assert result.quarantine[0].reason.startswith(reason)
    assert read_guests() == before


def test_a_sibling_at_the_same_address_is_new_once_both_have_ids(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, ",Budi,parent@example.org,")

    result = import_csv(HEADER, "1,Budi,parent@example.org,", "2,Siti,parent@example.org,")

    assert result.counts == ImportCounts(inserted=1, updated=1)
    assert {key: person["full_name"] for key, person in read_guests().items()} == {
        "id:1": "Budi",
        "id:2": "Siti",
    }


def test_a_known_guest_is_matched_by_one_row_only(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, ",Siti,p@example.org,")

    result = import_csv(HEADER, "1,Siti,p@example.org,", "2,Siti,p@example.org,")

    assert result.counts == ImportCounts(inserted=1, updated=1)
    assert list(read_guests()) == ["id:1", "id:2"]


def test_two_guests_with_the_same_name_and_number_need_an_id(
    import_csv: Import,
) -> None:
    import_csv(HEADER, "1,Siti,,0812345678", "2,Siti,,0812345678")

    result = import_csv(HEADER, ",Siti,,0812345678")

    assert result.counts == ImportCounts(quarantined=1)
    assert (
        "several people have this name, address or number; add an id" in result.quarantine[0].reason
    )


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (",Siti,s@example.org,", "1,Siti,s@example.org,"),
        (",Siti,,0812345678", "1,Siti,,0812345678"),
        (",Siti,,0812345678", ",Siti,s@example.org,0812345678"),
    ],
)
def test_the_same_guest_twice_in_a_file_under_two_keys_is_one(
    import_csv: Import, read_guests: ReadGuests, less: str, more: str
) -> None:
    result = import_csv(HEADER, less, more)

    assert result.counts == ImportCounts(inserted=1, quarantined=1)
    assert result.quarantine[0].reason == "the same person as line 3, which says more"
    assert len(read_guests()) == 1


def test_repetitions_of_a_rejected_row_are_rejected_too(import_csv: Import) -> None:
    import_csv(HEADER, ",Budi,p@example.org,")

    result = import_csv(HEADER, "1,Siti,p@example.org,", "1,Siti,p@example.org,")

    assert [row.reason[:12] for row in result.quarantine] == ["the address ", "the same as "]


def test_identical_rows_of_a_matched_guest_are_unchanged(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    import_csv(HEADER, ",Siti,s@example.org,")

    result = import_csv(HEADER, *["1,Siti,s@example.org,"] * 3)

    assert result.counts == ImportCounts(updated=1, unchanged=2)
    assert list(read_guests()) == ["id:1"]


def test_the_guest_of_an_order_is_never_taken_for_a_person_of_the_roster(
    import_csv: Import, read_guests: ReadGuests, database: Database, event: Event
) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(guests).values(
                event_id=event.id, natural_key="order:ORD-1/1/1", full_name="Siti",
                email="s@example.org", phone="+62812345678",
            )
        )  # fmt: skip

    result = import_csv(HEADER, ",Siti,s@example.org,", ",Another,,0812345678")

    assert result.counts == ImportCounts(inserted=2)
    assert sorted(read_guests()) == ["email:s@example.org", "tel:+62812345678"]
