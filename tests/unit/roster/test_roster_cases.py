"""Tests of rows as real rosters and exports of other systems contain them; made-up people."""

import csv
from collections.abc import Callable

import pytest

from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.phone import phone_normaliser
from ticketing.roster.cells.clean_row import RowCleaner, RowResult
from ticketing.roster.cells.column_mapping import map_columns
from ticketing.roster.cells.row_warnings import RowWarnings
from ticketing.roster.model import RosterEntry, RowRejection, WarnedEntry

CleanTable = Callable[..., list[RowResult]]


@pytest.fixture
def clean() -> CleanTable:
    """Return a function that cleans the lines of a CSV text below its header."""
    phone = phone_normaliser("ID")

    def clean_lines(header: str, *lines: str, is_strict: bool = False) -> list[RowResult]:
        cleaner = RowCleaner.for_columns(
            map_columns(next(csv.reader([header])), {}),
            normalise_phone=phone,
            normalise_email=normalise_email,
            is_strict=is_strict,
        )
        return [cleaner.clean(cells) for cells in csv.reader(lines)]

    return clean_lines


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("-", "email:b@example.com"),
        ("N/A", "email:b@example.com"),
        ("0", "email:b@example.com"),
        ("'-", "email:b@example.com"),
        (" null ", "email:b@example.com"),
        ("\u2014", "email:b@example.com"),
        ("20201234.0", "id:20201234"),
        ("20201234.00", "id:20201234"),
        ("A11.2020.0", "id:A11.2020.0"),
        ("001", "id:001"),
    ],
)
def test_a_placeholder_is_no_id_and_a_float_is_repaired(
    clean: CleanTable, cell: str, key: str
) -> None:
    (row,) = clean("nim,nama,email", f"{cell},Budi,b@example.com")

    assert row.natural_key == key


def test_without_an_id_and_an_address_the_number_identifies(clean: CleanTable) -> None:
    (row,) = clean("nim,nama,email,no hp", "-,Budi,n/a,081234567801")

    assert row.natural_key == "tel:+6281234567801"


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!"])
@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("{},Budi,b@example.com,VIP", "external_id"),
        ("1,{},b@example.com,VIP", "full_name"),
        ("1,Budi,b@example.com,{}", "ticket_type"),
    ],
)
def test_an_error_of_the_spreadsheet_is_rejected_as_such(
    clean: CleanTable, line: str, field: str, error: str
) -> None:
    (row,) = clean("nim,nama,email,jenis tiket", line.format(error))

    assert isinstance(row, RowRejection)
    assert (row.field, row.value) == (field, error)
    assert row.reason == f"{error} is an error of the spreadsheet: correct its formula"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NULL", "is this a name?"),
        ("nan", "is this a name?"),
        ("undefined undefined", "is this a name?"),
        ("Bambang Contoh 065999999", "a long number"),
        ("Ã‰lodie MÃƒÂ¼ller", "perhaps for Élodie Müller"),
    ],
)
def test_a_doubtful_name_is_warned_about_and_not_rejected(
    clean: CleanTable, name: str, reason: str
) -> None:
    (row,) = clean("nim,nama", f"1,{name}")

    assert isinstance(row, WarnedEntry)
    assert row.entry.full_name == name
    (warning,) = row.warnings
    assert (warning.field, warning.value) == ("full_name", name)
    assert reason in warning.reason


@pytest.mark.parametrize("name", ["Nana", "Nullarbor", "Élodie Müller", "Nguyễn Văn Ân", "Ã"])
def test_an_ordinary_name_raises_no_warning(clean: CleanTable, name: str) -> None:
    (row,) = clean("nim,nama", f"1,{name}")

    assert isinstance(row, RosterEntry)


@pytest.mark.parametrize(
    ("cells", "ticket_type", "seat"),
    [
        ("VIP,A1", "VIP", "A1"),
        ("-,N/A", "", ""),
        ("N/A,-", "", ""),
        ("0,0", "", ""),
        ("Vip ,", "Vip", ""),
    ],
)
def test_a_placeholder_states_no_ticket_type_and_no_seat(
    clean: CleanTable, cells: str, ticket_type: str, seat: str
) -> None:
    (row,) = clean("nim,nama,jenis tiket,kursi", f"1,Budi,{cells}")

    assert isinstance(row, RosterEntry)
    assert (row.ticket_type, row.seat) == (ticket_type, seat)


@pytest.mark.parametrize(
    "name",
    ["\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\u034f", "\u17b4", "\U000e0100", "\U0001d173",
     "\u061c", "\u200b\u3164 ", "-", "N/A"],
)  # fmt: skip
def test_a_name_of_invisible_characters_is_empty(clean: CleanTable, name: str) -> None:
    (row,) = clean("nim,nama", f"1,{name}")

    assert isinstance(row, RowRejection)
    assert row.reason == "the name is empty"


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Bu\u034fdi", "Budi"),
        ("Budi\u3164", "Budi"),
        ("A\ufe0f", "A"),
        ("Budi\u2800Santoso", "Budi Santoso"),
        ("\U000e0041Budi", "Budi"),
        ("\u200dBudi", "Budi"),
        ("Budi\u2028Santoso", "Budi Santoso"),
        ("Budi\u0085Santoso", "Budi Santoso"),
        ("葛\U000e0100城", "葛\U000e0100城"),  # the selector chooses the form of the ideograph
    ],
)
def test_invisible_characters_are_left_out_of_names(
    clean: CleanTable, name: str, printed: str
) -> None:
    (row,) = clean("nim,nama", f"1,{name}")

    assert isinstance(row, RosterEntry)
    assert row.full_name == printed


@pytest.mark.parametrize("name", ["\ue000", "\u0378", "\ud7fc"])
def test_a_name_of_unassigned_characters_has_no_letter(clean: CleanTable, name: str) -> None:
    (row,) = clean("nim,nama", f"1,{name}")

    assert isinstance(row, RowRejection)
    assert row.reason == "the name has no letter"


@pytest.mark.parametrize(
    ("header", "line", "full_name"),
    [
        ("name ,lastname ,email ", "john,doe,jdoe@example.org", "john doe"),
        ("name,last name,email", "John Doe,Doe,jdoe@example.org", "John Doe"),
        ("nim,first name,last name", "1,Budi,-", "Budi"),
        ("api_id,name,first_name,last_name", "gst-2,,Siti,Aminah", "Siti Aminah"),
    ],
)
def test_a_surname_is_neither_lost_nor_doubled(
    clean: CleanTable, header: str, line: str, full_name: str
) -> None:
    (row,) = clean(header, line)

    assert isinstance(row, RosterEntry)
    assert row.full_name == full_name


@pytest.mark.parametrize("line", ["Jumlah,2,,", "TOTAL:,2 orang,,", ",Jumlah,2,"])
def test_a_total_is_rejected_as_such_and_is_nobody_who_could_be_absent(
    clean: CleanTable, line: str
) -> None:
    (row,) = clean("nim,nama,email,no hp", line)

    assert isinstance(row, RowRejection)
    assert row.reason == "a total of the spreadsheet, not a person"
    assert row.natural_key


def test_a_line_with_place_and_date_is_rejected(clean: CleanTable) -> None:
    (row,) = clean("nim,nama,email", '"Makassar, 1 Desember 2026",,')

    assert isinstance(row, RowRejection)
    assert row.reason == "the name is empty"


@pytest.mark.parametrize(
    ("header", "lines", "holds"),
    [
        (
            "api_id,name,approval_status",
            ["gst-1,Budi,approved", "gst-3,Joko,declined", "gst-4,Siti,pending_approval",
             "gst-5,Ann,"],
            ["", "status: declined", "status: pending_approval", ""],
        ),
        (
            "ID,First Name,Status",
            ["1,Ann,ACTIVE", "2,Ben,CANCELLED", "3,Cid,AWAITING_PAYMENT"],
            ["", "status: CANCELLED", "status: AWAITING_PAYMENT"],
        ),
        (
            "Attendee #,First Name,Attendee Status",
            ["5001,Ann,Attending", "5003,Cid,Not Attending", "5004,Dee,Checked In"],
            ["", "status: Not Attending", ""],
        ),
        (
            "nim,nama,status bayar,status,tahan",
            ["1,Budi,belum,batal,toga", "2,Siti,lunas,aktif,"],
            ["payment: belum; status: batal; toga", ""],
        ),
    ],
)  # fmt: skip
def test_cancelled_declined_and_pending_people_are_held(
    clean: CleanTable, header: str, lines: list[str], holds: list[str]
) -> None:
    rows = clean(header, *lines)

    assert [row.hold_reason for row in rows if isinstance(row, RosterEntry)] == holds


def test_unknown_states_are_counted_in_one_warning(clean: CleanTable) -> None:
    warnings = RowWarnings()
    lines = ["1,Ann,Invited", "2,Ben,Invited", "3,Cid,requested", "4,Dee,active"]
    for line, row in enumerate(clean("ID,Name,Status", *lines), 2):
        warnings.add(line, row.warnings if isinstance(row, WarnedEntry) else ())

    (summary,) = warnings.summaries()
    assert summary.endswith("hold nobody: 'Invited' (2), 'requested' (1)")
    assert [warning.line for warning in warnings.first] == [2, 3, 4]


def test_warnings_that_no_summary_counts_are_listed_first(clean: CleanTable) -> None:
    warnings = RowWarnings()
    for line, row in enumerate(clean("ID,Name,Status", "1,Ann,Invited", "2,Null,active"), 2):
        warnings.add(line, row.warnings if isinstance(row, WarnedEntry) else ())

    assert [(warning.line, warning.field) for warning in warnings.listed(2)] == [
        (3, "full_name"), (2, "status")
    ]  # fmt: skip


def test_three_of_the_wrongly_decoded_names_are_shown(clean: CleanTable) -> None:
    warnings = RowWarnings()
    for line, row in enumerate(clean("nim,nama", *(f"{n},JosÃ© {'x' * n}" for n in range(1, 6)))):
        warnings.add(line, row.warnings if isinstance(row, WarnedEntry) else ())

    (summary,) = warnings.summaries()
    assert summary.startswith("5 names look decoded wrongly: 'JosÃ© x' for 'José x', ")
    assert summary.count(" for ") == 3


@pytest.mark.parametrize(
    ("header", "line", "field"),
    [
        ("attendee_id,first_name,phone_number", "1,Edward,(705)743-4221x942", "phone"),
        ("attendee_id,first_name,phone_number", "5,Vincent,6668994080", "phone"),
        ("full_name,phone,registration_id", "Ali Contoh,0701 111 001,Ysa2026_001", "phone"),
        ("Ticket number,First Name,Email", "GOOGA3,B_ M,b*************@example.com", "email"),
        ("nim,nama,email", "1,Budi,budi@", "email"),
        ("nim,nama,hp", "1,Budi,#REF!", "phone"),
    ],
)
def test_an_unusable_contact_costs_the_ticket_only_if_the_event_is_strict(
    clean: CleanTable, header: str, line: str, field: str
) -> None:
    (lenient,), (strict,) = clean(header, line), clean(header, line, is_strict=True)

    assert isinstance(lenient, WarnedEntry)
    assert (lenient.entry.email, lenient.entry.phone) == ("", "")
    (warning,) = lenient.warnings
    assert isinstance(strict, RowRejection)
    assert (warning.field, warning.reason) == (field, f"left out: {strict.reason}")


def test_without_an_id_an_unusable_contact_is_rejected(clean: CleanTable) -> None:
    (row,) = clean("nim,nama,email,hp", "-,Budi,budi@,081234567801")

    assert isinstance(row, RowRejection)
    assert row.field == "email"


def test_a_row_without_an_id_and_contact_is_rejected(clean: CleanTable) -> None:
    _, row = clean("nameEn,type,email", "Gildong,ARTIST,d@example.com", "Gildong,STAFF,")

    assert isinstance(row, RowRejection)
    assert row.reason == "no id, e-mail or phone to identify the person"


@pytest.mark.parametrize(
    ("header", "line", "key", "phone"),
    [
        ("nis,nisn,nama,no hp", "1001,0012345678,Budi,081234567801", "id:0012345678",
         "+6281234567801"),
        ("nim,nama,No HP,No WA", "1,Budi,081234567801,081234567802", "id:1", "+6281234567802"),
        ("nisn,nama,program", "12345678,MUHAMMAD CONTOH,DKV", "id:12345678", ""),
        ("No,NIS,NISN,Nama Siswa,L/P,Kelas,Nama Ayah,No HP Ortu",
         "1,10011,0012345678,AHMAD,L,XII IPA 1,BAPAK,081234567801", "id:0012345678", ""),
    ],
)  # fmt: skip
def test_rosters_with_two_ids_or_two_numbers_are_read(
    clean: CleanTable, header: str, line: str, key: str, phone: str
) -> None:
    (row,) = clean(header, line)

    assert isinstance(row, RosterEntry)
    assert (row.natural_key, row.phone, row.ticket_type) == (key, phone, "")


def test_language_and_test_mode_are_read_as_people_write_them(clean: CleanTable) -> None:
    lines = ("1,A,Inggris,ya", "2,B,id-ID,Live", "3,C,-,-", "4,D,,")

    rows = clean("nim,nama,bahasa tiket,mode uji", *lines)

    found = [(row.locale, row.test_mode) for row in rows if isinstance(row, RosterEntry)]
    assert found == [("en", "test"), ("id_ID", "live"), ("", ""), ("", "")]


def test_an_unknown_language_is_left_out_and_an_unclear_test_mode_is_rejected(
    clean: CleanTable,
) -> None:
    warned, rejected = clean(
        "email,nama,locale,test mode", "a@x.org,A,Klingon,", "b@x.org,B,,maybe"
    )

    assert isinstance(warned, WarnedEntry)
    assert (warned.entry.locale, warned.warnings[0].field) == ("", "locale")
    assert isinstance(rejected, RowRejection)
    assert rejected[1:] == ("test_mode", "maybe", "not known: write test or live")
