"""Which column of a roster means which field: by its name in English or Indonesian, or as told.

Why somebody must not get a ticket yet, out of what people write into such columns.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ticketing.platform.kernel.errors import UnreadableFile, UnusableMapping
from ticketing.roster.model import Field

_NAMES: dict[Field, str] = {
    Field.EXTERNAL_ID: """
        external id, id, student id, student number, member id, guest id, registration number,
        reference, nim, npm, nis, nisn, nrp, nik, nip, no induk, nomor induk,
        nomor induk mahasiswa, no peserta, nomor peserta, kode peserta, id mahasiswa, id peserta
        """,
    Field.FULL_NAME: """
        full name, name, guest name, student name, attendee name, nama, nama lengkap,
        nama mahasiswa, nama siswa, nama peserta, nama tamu, nama wisudawan
        """,
    Field.FIRST_NAME: "first name, given name, nama depan",
    Field.LAST_NAME: "last name, surname, family name, nama belakang, nama keluarga, marga",
    Field.EMAIL: """
        email, e mail, email address, e mail address, mail, surel, alamat email, alamat e mail,
        alamat surel
        """,
    Field.PHONE: """
        phone, phone number, mobile, mobile phone, mobile number, telephone, tel, cell, whatsapp,
        whatsapp number, wa, hp, no hp, nomor hp, handphone, no handphone, nomor handphone,
        telepon, no telepon, nomor telepon, telp, no telp, no wa, nomor wa, no whatsapp,
        nomor whatsapp
        """,
    Field.TICKET_TYPE: """
        ticket type, type, ticket, category, jenis tiket, tipe tiket, tiket, kategori,
        kategori tiket, kelas tiket
        """,
    Field.SEAT: "seat, seat number, kursi, no kursi, nomor kursi, tempat duduk",
    Field.HOLD: "hold, hold reason, on hold, tahan, ditahan, alasan tahan, catatan tahan",
    Field.PAYMENT: """
        payment, payment status, paid, pembayaran, status pembayaran, status bayar, lunas,
        sudah bayar
        """,
}
_NOT_A_WORD = re.compile(r"[\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain(header: str) -> str:
    """A header as it is compared: `firstName`, `First_Name` and `FIRST NAME ` are one."""
    return _NOT_A_WORD.sub(" ", _CAMEL.sub(" ", header)).strip().lower()


_FIELD_OF: dict[str, Field] = {
    plain(name): field for field, names in _NAMES.items() for name in names.split(",")
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The header of a roster, and the place of each field in it."""

    header: tuple[str, ...]
    places: Mapping[Field, int]

    def mapping(self) -> dict[str, str]:
        """Field to column name, as a person is shown it."""
        return {field.value: self.header[place] for field, place in self.places.items()}


def known_headers(header: Sequence[str]) -> int:
    """How many cells of a first line we would recognise as the name of a column."""
    return sum(plain(cell) in _FIELD_OF for cell in header)


def columns(header: Sequence[str], told: Mapping[str, str]) -> Columns:
    """Lead every column to its field; what is told (column to field) wins over its name.

    Refuses a first line that is no header, a field with two columns, and a roster that says
    neither who people are nor how to recognise them again.
    """
    as_told = _as_told(header, told)
    if not as_told and not known_headers(header):
        raise UnreadableFile(
            f"no header: the first line is {_listed(header)}; "
            "name the columns there (nama, nim, email, no hp, …) or map them by hand"
        )
    found: dict[Field, list[int]] = {field: [place] for field, place in as_told.items()}
    for place, name in enumerate(header):
        field = _FIELD_OF.get(plain(name))
        if field and field not in as_told and place not in as_told.values():
            found.setdefault(field, []).append(place)
    _refuse_doubles(header, found)
    _refuse_gaps(header, found)
    return Columns(tuple(header), {field: places[0] for field, places in found.items()})


def _as_told(header: Sequence[str], told: Mapping[str, str]) -> dict[Field, int]:
    places: dict[Field, int] = {}
    for column, field_name in told.items():
        if field_name not in set(Field):
            raise UnusableMapping(f"no field {field_name!r}; there are: {', '.join(Field)}")
        field, place = Field(field_name), _place(header, column)
        if field in places:
            raise UnusableMapping(
                f"two columns for {field}: {header[places[field]]!r} and {header[place]!r}"
            )
        if place in places.values():
            raise UnusableMapping(f"column {column!r} is mapped to two fields")
        places[field] = place
    return places


def _place(header: Sequence[str], column: str) -> int:
    """Where a column is: by its very name, else by its name written differently."""
    exact = [place for place, name in enumerate(header) if name == column]
    alike = exact or [place for place, name in enumerate(header) if plain(name) == plain(column)]
    if not alike:
        raise UnusableMapping(f"no column {column!r}; the file has {_listed(header)}")
    if len(alike) > 1:
        raise UnusableMapping(f"{len(alike)} columns are called {column!r}; rename one")
    return alike[0]


def _refuse_doubles(header: Sequence[str], found: Mapping[Field, list[int]]) -> None:
    for field, places in found.items():
        if len(places) > 1:
            names = " and ".join(repr(header[place]) for place in places)
            raise UnusableMapping(
                f"two columns for {field}: {names}; choose with --map {header[places[0]]!r}={field}"
            )


def _refuse_gaps(header: Sequence[str], found: Mapping[Field, list[int]]) -> None:
    if not {Field.FULL_NAME, Field.FIRST_NAME} & found.keys():
        raise UnusableMapping(
            f"missing column: a name (nama, full name, or first name); the file has "
            f"{_listed(header)}"
        )
    if not {Field.EXTERNAL_ID, Field.EMAIL, Field.PHONE} & found.keys():
        raise UnusableMapping(
            "missing column: something to recognise a person by (an id such as nim, an e-mail or "
            f"a phone number); the file has {_listed(header)}"
        )


def _listed(header: Sequence[str]) -> str:
    shown = [repr(cell[:40]) for cell in header[:12]]
    return ", ".join(shown) + (", …" if len(header) > len(shown) else "")


_NO = {"0", "n", "no", "f", "false", "tidak", "-"}


_YES = {"1", "y", "yes", "t", "true", "ya", "x"}


_SETTLED = {
    "paid", "ok", "free", "settled", "settlement", "lunas", "sudah", "sudah lunas", "sudah bayar",
    "sudah dibayar", "dibayar", "terbayar", "gratis", "bebas",
}  # fmt: skip


_OPEN = {
    "unpaid", "not paid", "pending", "open", "due", "belum", "belum lunas", "belum bayar",
    "belum dibayar", "tidak lunas", "menunggu", "tertunda", "cicil",
}  # fmt: skip


def hold_of(text: str) -> str:
    """The reason in a column "hold"; empty when it says that nothing holds this person back."""
    word = text.lower()
    if not word or word in _NO or word in _SETTLED:
        return ""
    return "on hold" if word in _YES else text


def hold_of_payment(text: str) -> str:
    """The reason in a column "paid" or "payment status"; an empty cell is not a payment.

    Raises ValueError for words that could mean either.
    """
    word = text.lower()
    if word in _YES or word in _SETTLED:
        return ""
    if not word or word in _NO or word in _OPEN:
        return f"payment: {text}" if word in _OPEN else "not paid"
    raise ValueError("cannot tell whether this is paid; write paid or unpaid (lunas, belum)")
