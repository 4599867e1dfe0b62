"""Map the columns of a roster to fields, by English or Indonesian header or by explicit mapping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ticketing.platform.kernel.errors import UnreadableFile, UnusableMapping
from ticketing.roster.model import RosterField

_HEADER_NAMES: dict[RosterField, str] = {
    RosterField.EXTERNAL_ID: """
        external id, id, student id, student number, member id, guest id, registration number,
        reference, nim, npm, nis, nisn, nrp, nik, nip, no induk, nomor induk,
        nomor induk mahasiswa, no peserta, nomor peserta, kode peserta, id mahasiswa, id peserta
        """,
    RosterField.FULL_NAME: """
        full name, name, guest name, student name, attendee name, nama, nama lengkap,
        nama mahasiswa, nama siswa, nama peserta, nama tamu, nama wisudawan
        """,
    RosterField.FIRST_NAME: "first name, given name, nama depan",
    RosterField.LAST_NAME: "last name, surname, family name, nama belakang, nama keluarga, marga",
    RosterField.EMAIL: """
        email, e mail, email address, e mail address, mail, surel, alamat email, alamat e mail,
        alamat surel
        """,
    RosterField.PHONE: """
        phone, phone number, mobile, mobile phone, mobile number, telephone, tel, cell, whatsapp,
        whatsapp number, wa, hp, no hp, nomor hp, handphone, no handphone, nomor handphone,
        telepon, no telepon, nomor telepon, telp, no telp, no wa, nomor wa, no whatsapp,
        nomor whatsapp
        """,
    RosterField.TICKET_TYPE: """
        ticket type, type, ticket, category, jenis tiket, tipe tiket, tiket, kategori,
        kategori tiket, kelas tiket
        """,
    RosterField.SEAT: "seat, seat number, kursi, no kursi, nomor kursi, tempat duduk",
    RosterField.HOLD: "hold, hold reason, on hold, tahan, ditahan, alasan tahan, catatan tahan",
    RosterField.PAYMENT: """
        payment, payment status, paid, pembayaran, status pembayaran, status bayar, lunas,
        sudah bayar
        """,
}
_NOT_A_WORD = re.compile(r"[\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def normalise_header(header: str) -> str:
    """Return a header for comparison: `firstName`, `First_Name` and `FIRST NAME ` are equal."""
    return _NOT_A_WORD.sub(" ", _CAMEL.sub(" ", header)).strip().lower()


_FIELD_BY_HEADER: dict[str, RosterField] = {
    normalise_header(name): field
    for field, names in _HEADER_NAMES.items()
    for name in names.split(",")
}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The header of a roster, and the column index of each field."""

    header: tuple[str, ...]
    indexes: Mapping[RosterField, int]

    def column_names(self) -> dict[str, str]:
        """Return the column name of each field, for people."""
        return {field.value: self.header[place] for field, place in self.indexes.items()}


def count_known_headers(header: Sequence[str]) -> int:
    """Return the number of cells of a first line that are known column names."""
    return sum(normalise_header(cell) in _FIELD_BY_HEADER for cell in header)


def map_columns(header: Sequence[str], overrides: Mapping[str, str]) -> ColumnMapping:
    """Map every column to its field; explicit mappings (column to field) override names.

    Refuses a first line that is no header, a field with two columns, and a roster without columns
    for a name and for an id, e-mail or phone.
    """
    explicit = _apply_overrides(header, overrides)
    if not explicit and not count_known_headers(header):
        raise UnreadableFile(
            f"no header: the first line is {_format_header(header)}; "
            "add column names (nama, nim, email, no hp, …) or use --map"
        )
    found: dict[RosterField, list[int]] = {field: [place] for field, place in explicit.items()}
    for place, name in enumerate(header):
        field = _FIELD_BY_HEADER.get(normalise_header(name))
        if field and field not in explicit and place not in explicit.values():
            found.setdefault(field, []).append(place)
    _refuse_duplicates(header, found)
    _refuse_missing(header, found)
    return ColumnMapping(tuple(header), {field: places[0] for field, places in found.items()})


def _apply_overrides(header: Sequence[str], overrides: Mapping[str, str]) -> dict[RosterField, int]:
    places: dict[RosterField, int] = {}
    for column, field_name in overrides.items():
        if field_name not in set(RosterField):
            raise UnusableMapping(f"no field {field_name!r}; there are: {', '.join(RosterField)}")
        field, place = RosterField(field_name), _column_index(header, column)
        if field in places:
            raise UnusableMapping(
                f"two columns for {field}: {header[places[field]]!r} and {header[place]!r}"
            )
        if place in places.values():
            raise UnusableMapping(f"column {column!r} is mapped to two fields")
        places[field] = place
    return places


def _column_index(header: Sequence[str], column: str) -> int:
    """Return the index of a column: by its exact name, else by its normalised name."""
    exact = [place for place, name in enumerate(header) if name == column]
    alike = exact or [
        place
        for place, name in enumerate(header)
        if normalise_header(name) == normalise_header(column)
    ]
    if not alike:
        raise UnusableMapping(f"no column {column!r}; the file has {_format_header(header)}")
    if len(alike) > 1:
        raise UnusableMapping(f"{len(alike)} columns are called {column!r}; rename one")
    return alike[0]


def _refuse_duplicates(header: Sequence[str], found: Mapping[RosterField, list[int]]) -> None:
    for field, places in found.items():
        if len(places) > 1:
            names = " and ".join(repr(header[place]) for place in places)
            raise UnusableMapping(
                f"two columns for {field}: {names}; choose with --map {header[places[0]]!r}={field}"
            )


def _refuse_missing(header: Sequence[str], found: Mapping[RosterField, list[int]]) -> None:
    if not {RosterField.FULL_NAME, RosterField.FIRST_NAME} & found.keys():
        raise UnusableMapping(
            f"missing column: a name (nama, full name, or first name); the file has "
            f"{_format_header(header)}"
        )
    if not {RosterField.EXTERNAL_ID, RosterField.EMAIL, RosterField.PHONE} & found.keys():
        raise UnusableMapping(
            "missing column: an id (for example nim), an e-mail address or a phone number; "
            f"the file has {_format_header(header)}"
        )


def _format_header(header: Sequence[str]) -> str:
    shown = [repr(cell[:40]) for cell in header[:12]]
    return ", ".join(shown) + (", …" if len(header) > len(shown) else "")
