"""Tests of cleaning a row: one clean entry, or a rejected row with all its errors."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.phone import phone_normaliser
from ticketing.roster.cells.clean_row import RowCleaner
from ticketing.roster.cells.column_mapping import map_columns
from ticketing.roster.model import RosterEntry, RowRejection, WarnedEntry

HEADER = ["nim", "nama", "email", "hp", "jenis tiket", "kursi", "tahan"]
PHONE = phone_normaliser("ID")

Clean = Callable[..., RosterEntry | RowRejection]


@pytest.fixture
def clean() -> Clean:
    """Return a function that cleans one row with the usual columns, given by keyword."""
    cleaner = RowCleaner.for_columns(
        map_columns(HEADER, {}),
        normalise_phone=PHONE,
        normalise_email=normalise_email,
        is_strict=True,
    )

    def clean_row(**cells: str) -> RosterEntry | RowRejection:
        usual = {"nim": "1", "nama": "Budi"} | {
            name.replace("_", " "): cells[name] for name in cells
        }
        return cleaner.clean([usual.get(name, "") for name in HEADER])

    return clean_row


def test_a_full_row_becomes_an_entry(clean: Clean) -> None:
    row = clean(
        nim="'0012", nama=" Budi  Santoso", email="Budi@Example.org", hp="8123456789",
        jenis_tiket="VIP", kursi="A1", tahan="belum foto",
    )  # fmt: skip

    assert row == RosterEntry(
        natural_key="id:0012",
        external_id="0012",
        first_name="",
        last_name="",
        full_name="Budi Santoso",
        email="budi@example.org",
        phone="+628123456789",
        ticket_type="VIP",
        seat="A1",
        hold_reason="belum foto",
        hold_stated="hold",
    )


def test_a_row_without_a_kind_of_ticket_states_none(clean: Clean) -> None:
    assert clean().ticket_type == ""


def test_an_id_that_a_spreadsheet_made_a_decimal_number_is_repaired(clean: Clean) -> None:
    assert clean(nim="20201234.0").external_id == "20201234"


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ({"nim": "7", "email": "b@example.org", "hp": "08123456789"}, "id:7"),
        ({"nim": "", "email": "B@Example.ORG", "hp": "08123456789"}, "email:b@example.org"),
        ({"nim": "", "email": "", "hp": "08123456789"}, "tel:+628123456789"),
        ({"nim": "", "email": "n/a", "hp": "08123456789"}, "tel:+628123456789"),
    ],
)
def test_the_best_of_id_address_and_number_is_the_key(
    clean: Clean, cells: dict[str, str], key: str
) -> None:
    assert clean(**cells).natural_key == key


@pytest.mark.parametrize(
    ("cells", "field", "reason"),
    [
        ({"nama": "  "}, "full_name", "empty"),
        ({"nama": "???"}, "full_name", "the name has no letter"),
        ({"nama": "x" * 201}, "full_name", "201 characters"),
        ({"nim": "2,2E+09"}, "external_id", "exponent form"),
        ({"nim": "n" * 101}, "external_id", "101 characters"),
        ({"email": "budi@"}, "email", "after the @-sign"),
        ({"email": "a@example.org, b@example.org"}, "email", "@-sign|invalid"),
        ({"hp": "6.28123E+11"}, "phone", "exponent form"),
        ({"hp": "12345"}, "phone", "not a valid number in region ID"),
        ({"hp": "0812345678/0813456789"}, "phone", "not one phone number"),
        ({"nim": "", "hp": "-"}, "external_id", "no id, e-mail or phone"),
        ({"kursi": "s" * 101}, "seat", "101 characters"),
        ({"tahan": "t" * 501}, "hold", "501 characters"),
    ],
)
def test_every_error_of_a_row_is_named(
    clean: Clean, cells: dict[str, str], field: str, reason: str
) -> None:
    row = clean(**cells)

    assert isinstance(row, RowRejection)
    assert row.field == field
    assert re.search(reason, row.reason)


def test_all_errors_of_a_row_are_reported_at_once(clean: Clean) -> None:
    row = clean(nama="", email="budi@", hp="1")

    assert [part.split(":")[0] for part in row.reason.split("; ")] == [
        "full_name",
        "email",
        "phone",
    ]


def test_a_value_is_kept_as_it_was_written(clean: Clean) -> None:
    assert clean(email=" Budi@ ").value == " Budi@ "


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ({"nim": "7", "email": "budi@"}, "id:7"),
        ({"nim": "7E+1", "email": "b@example.org"}, ""),
        ({"nim": "", "email": "budi@", "hp": "08123456789"}, ""),
        ({"nim": "", "email": "b@example.org", "hp": "1"}, "email:b@example.org"),
    ],
)
def test_a_rejected_row_names_its_guest_only_when_that_is_certain(
    clean: Clean, cells: dict[str, str], key: str
) -> None:
    assert clean(**cells).natural_key == key


@pytest.mark.parametrize("cells", [["1", "Budi"], ["1", "Budi", "", "", "", "", "", "more"]])
def test_a_ragged_row_is_rejected(cells: list[str]) -> None:
    cleaner = RowCleaner.for_columns(
        map_columns(HEADER, {}), normalise_phone=PHONE, normalise_email=normalise_email
    )

    assert cleaner.clean(cells).reason.startswith(f"{len(cells)} cells where the header has 7")


def test_empty_cells_behind_the_last_column_do_no_harm() -> None:
    cleaner = RowCleaner.for_columns(
        map_columns(["nim", "nama"], {}), normalise_phone=PHONE, normalise_email=normalise_email
    )

    assert cleaner.clean(["1", "Budi", "", ""]).full_name == "Budi"


@pytest.mark.parametrize(
    ("first", "last", "full", "names"),
    [
        ("Budi", "Santoso", "", ("Budi", "Santoso", "Budi Santoso")),
        ("Budi", "", "", ("Budi", "", "Budi")),
        ("", "", "Budi Santoso", ("", "", "Budi Santoso")),
        ("Budi", "Santoso", "Dr. Budi S.", ("Budi", "Santoso", "Dr. Budi S.")),
    ],
)
def test_names_are_joined_but_never_cut(
    first: str, last: str, full: str, names: tuple[str, str, str]
) -> None:
    header = ["nim", "first name", "last name", "full name"]
    cleaner = RowCleaner.for_columns(
        map_columns(header, {}), normalise_phone=PHONE, normalise_email=normalise_email
    )

    assert cleaner.clean(["1", first, last, full])[2:5] == names


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", ""), ("tidak", ""), ("-", ""), ("Lunas", ""), ("0", ""),
        ("ya", "on hold"), ("X", "on hold"), ("belum bayar", "belum bayar"),
    ],
)  # fmt: skip
def test_a_hold_is_a_reason_unless_it_says_no(clean: Clean, cell: str, reason: str) -> None:
    assert clean(tahan=cell).hold_reason == reason


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("paid", ""), ("LUNAS", ""), ("1", ""), ("sudah bayar", ""), ("free", ""),
        ("pending", "payment: pending"), ("Belum Lunas", "payment: Belum Lunas"),
        ("", "not paid"), ("no", "not paid"),
    ],
)  # fmt: skip
def test_an_unpaid_guest_is_on_hold(cell: str, reason: str) -> None:
    cleaner = RowCleaner.for_columns(
        map_columns(["nim", "nama", "status bayar"], {}),
        normalise_phone=PHONE,
        normalise_email=normalise_email,
    )

    assert cleaner.clean(["1", "Budi", cell]).hold_reason == reason


def test_an_unreadable_payment_state_is_rejected() -> None:
    cleaner = RowCleaner.for_columns(
        map_columns(["nim", "nama", "status bayar"], {}),
        normalise_phone=PHONE,
        normalise_email=normalise_email,
    )

    assert cleaner.clean(["1", "Budi", "500.000"]).field == "payment"


def test_two_reasons_to_hold_are_both_kept() -> None:
    header = ["nim", "nama", "tahan", "lunas"]
    cleaner = RowCleaner.for_columns(
        map_columns(header, {}), normalise_phone=PHONE, normalise_email=normalise_email
    )

    row = cleaner.clean(["1", "Budi", "toga belum kembali", "belum"])

    assert (row.hold_reason, row.hold_stated) == (
        "payment: belum; toga belum kembali", "hold payment"
    )  # fmt: skip


@given(st.lists(st.text(max_size=30), max_size=10))
def test_any_row_ends_as_an_entry_with_a_key_or_a_rejection_with_a_reason(
    cells: list[str],
) -> None:
    cleaner = RowCleaner.for_columns(
        map_columns(HEADER, {}), normalise_phone=PHONE, normalise_email=normalise_email
    )

    row = cleaner.clean(cells)

    match row:
        case RosterEntry() | WarnedEntry(RosterEntry()):
            entry = row if isinstance(row, RosterEntry) else row.entry
            assert entry.natural_key
            assert entry.full_name
        case RowRejection():
            assert row.reason
