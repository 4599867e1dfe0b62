"""Tests of mapping columns to fields by name, in two languages or by options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.errors import UnreadableFile, UnusableMapping
from ticketing.roster.cells.column_mapping import count_known_headers, header_key, map_columns


@pytest.mark.parametrize(
    ("header", "mapping"),
    [
        (
            ["NIM", "Nama Lengkap", "Email", "No HP", "Jenis Tiket", "Kursi", "Tahan"],
            {
                "external_id": "NIM",
                "full_name": "Nama Lengkap",
                "email": "Email",
                "phone": "No HP",
                "ticket_type": "Jenis Tiket",
                "seat": "Kursi",
                "hold": "Tahan",
            },
        ),
        (
            ["firstName", "lastName", "email", "ticketType"],
            {
                "first_name": "firstName",
                "last_name": "lastName",
                "email": "email",
                "ticket_type": "ticketType",
            },
        ),
        (
            ["Student ID", "Full_Name", "E-Mail", "Telephone", "Payment status"],
            {
                "external_id": "Student ID",
                "full_name": "Full_Name",
                "email": "E-Mail",
                "phone": "Telephone",
                "payment": "Payment status",
            },
        ),
        (
            ["nama", "no. whatsapp", "Program Studi"],
            {"full_name": "nama", "phone": "no. whatsapp"},
        ),
    ],
)
def test_usual_headers_need_no_options(header: list[str], mapping: dict[str, str]) -> None:
    assert map_columns(header, {}).column_names() == mapping


@pytest.mark.parametrize(
    "written",
    ["No HP", "no_hp", "NO. HP*", "  No-Hp ", "\ufeffNo HP", "noHp", "nohp", "NoHP (aktif)",
     "No HP [WhatsApp, jika ada]", "(No HP)", "No. HP aktif", "No HP:"],
)  # fmt: skip
def test_a_column_name_is_known_however_it_is_written(written: str) -> None:
    assert header_key(written) == "nohp"


def test_an_option_maps_an_unknown_column() -> None:
    found = map_columns(["Wer", "Kennung"], {"Wer": "full_name", "Kennung": "external_id"})

    assert found.column_names() == {"full_name": "Wer", "external_id": "Kennung"}


def test_an_option_takes_precedence_over_a_column_name() -> None:
    found = map_columns(["nama", "panggilan", "nim"], {"panggilan": "full_name"})

    assert found.column_names() == {"full_name": "panggilan", "external_id": "nim"}


def test_a_column_in_an_option_may_be_spelled_differently() -> None:
    found = map_columns(["Nama Orang", "nim"], {"nama_orang": "full_name"})

    assert found.column_names()["full_name"] == "Nama Orang"


@pytest.mark.parametrize(
    ("header", "options", "reason"),
    [
        (["nim", "email"], {}, "missing column: a name"),
        (["nama", "kursi"], {}, "missing column: an id"),
        (["nama", "email", "e-mail"], {}, "two columns for email: 'email' and 'e-mail'"),
        (["a", "b", "nim"], {"a": "full_name", "b": "full_name"}, "two columns for full_name"),
        (["a", "nim"], {"a": "nickname"}, "no field 'nickname'"),
        (["nama", "nim"], {"surname": "last_name"}, "no column 'surname'"),
        (["x", "x", "nim"], {"x": "full_name"}, "2 columns are called 'x'"),
        (["x y", "nim"], {"x y": "full_name", "x_y": "email"}, "mapped to two fields"),
    ],
)
def test_doubtful_columns_are_refused(
    header: list[str], options: dict[str, str], reason: str
) -> None:
    with pytest.raises(UnusableMapping, match=reason):
        map_columns(header, options)


@pytest.mark.parametrize("first", [["22001", "Budi", "budi@example.org"], ["1"], [""]])
def test_a_first_line_of_data_is_no_header(first: list[str]) -> None:
    with pytest.raises(UnreadableFile, match="no header"):
        map_columns(first, {})


def test_the_error_of_a_duplicate_column_names_the_remedy() -> None:
    with pytest.raises(UnusableMapping, match="--map 'email'=email"):
        map_columns(["nama", "email", "e-mail"], {})


@given(st.lists(st.text(max_size=20), max_size=8))
def test_any_first_line_is_mapped_or_refused_with_our_error(header: list[str]) -> None:
    try:
        found = map_columns(header, {})
    except (UnreadableFile, UnusableMapping) as error:
        assert str(error)  # noqa: PT017 - either outcome is right, a third is not
    else:
        assert count_known_headers(header) >= len(found.indexes)


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (["name ", "lastname ", "email "], "first_name last_name email"),
        (
            ["username", "firstname", "lastname", "email", "idnumber", "phone1"],
            "- first_name last_name email external_id phone",
        ),
        (
            ["Timestamp", "Email Address", "Nama Lengkap (dengan gelar)", "NIM",
             "Nomor WhatsApp aktif"],
            "- email full_name external_id phone",
        ),
        (
            ["NIM*", "Nama Lengkap (sesuai ijazah)", "E-mail aktif", "No. HP/WA"],
            "external_id full_name email phone",
        ),
        (["nameEn", "nameKo", "type", "email"], "full_name - ticket_type email"),
        (["full_name", "email", "phone", "registration_id"], "full_name email phone external_id"),
        (["nim", "nama", "tipe"], "external_id full_name ticket_type"),
        (["nim", "nama", "jenis"], "external_id full_name ticket_type"),
        (["nim", "nama", "kelas"], "external_id full_name ticket_type"),
        (["nis", "nama siswa", "kelas"], "external_id full_name -"),
        (
            ["api_id", "name", "first_name", "last_name", "approval_status", "ticket_name"],
            "external_id full_name first_name last_name status ticket_type",
        ),
        (
            ["ID", "First Name", "Last Name", "Status", "Ticket ID", "Ticket Name", "Event ID"],
            "external_id first_name last_name status - ticket_type -",
        ),
        (
            ["Order #", "First Name", "Last Name", "Ticket Type", "Attendee #", "Attendee Status",
             "Cell Phone"],
            "- first_name last_name ticket_type external_id status phone",
        ),
        (
            ["Order number", "Ticket number", "First Name", "Title", "Featured", "Ticket title",
             "Number of tickets", "Paid by (name)", "Paid date (UTC)"],
            "- external_id first_name - status ticket_type - - -",
        ),
        (
            ["Preferred Prefix (optional):", "First Name", "Last Name",
             "Preferred Contact Email (This is only to send updates.\nA second line.)", "Status",
             "ID"],
            "- first_name last_name email status external_id",
        ),
    ],
)  # fmt: skip
def test_headers_of_the_usual_forms_and_exports_are_known(header: list[str], fields: str) -> None:
    found = {place: field.value for field, place in map_columns(header, {}).indexes.items()}

    assert " ".join(found.get(place, "-") for place in range(len(header))) == fields


@pytest.mark.parametrize(
    ("header", "used", "other"),
    [
        (["nis", "nisn", "nama"], "nisn", "nis"),
        (["nama", "nim", "NIK"], "nim", "NIK"),
        (["nim", "nama", "No HP", "No WA"], "No WA", "No HP"),
        (["nim", "nama", "telepon", "hp"], "hp", "telepon"),
        (["nim", "nama", "kategori", "jenis tiket"], "jenis tiket", "kategori"),
    ],
)
def test_of_two_columns_for_a_field_the_better_known_is_used_with_a_warning(
    header: list[str], used: str, other: str
) -> None:
    found = map_columns(header, {})

    assert used in found.column_names().values()
    assert [warning.split(";")[0].partition(": ")[2] for warning in found.warnings] == [
        f"{used!r} is used and {other!r} is not"
    ]


def test_a_column_can_be_left_out() -> None:
    found = map_columns(["nim", "nama", "email", "E-mail"], {}, ["E-mail"])

    assert found.column_names()["email"] == "email"
