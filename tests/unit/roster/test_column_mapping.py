"""Tests of mapping columns to fields by name, in two languages or by options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.errors import UnreadableFile, UnusableMapping
from ticketing.roster.column_mapping import count_known_headers, map_columns, normalise_header


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


@pytest.mark.parametrize("written", ["No HP", "no_hp", "NO. HP", "  No-Hp ", "\ufeffNo HP", "noHp"])
def test_a_column_name_is_known_however_it_is_written(written: str) -> None:
    assert normalise_header(written) == "no hp"


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
