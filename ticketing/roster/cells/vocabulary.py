"""The words that rosters use: column names, placeholders, spreadsheet errors, states, yes and no.

Only tables of words; the rules that use them are in `column_mapping.py` and `clean_row.py`.
Column names are compared without blanks, case, punctuation and notes in brackets.
"""

from ticketing.roster.model import RosterField

# One string per rank: if a roster has columns of several ranks, the first rank is used.
HEADER_NAMES: dict[RosterField, tuple[str, ...]] = {
    RosterField.EXTERNAL_ID: (
        "nim, nomor induk mahasiswa, id mahasiswa",
        "npm",
        "nrp",
        "nisn",
        "nis",
        "nip",
        "nik",
        """
        external id, id, id number, student id, student number, member id, guest id, attendee,
        attendee id, attendee number, registration id, registration number, reference, api id,
        ticket number, no induk, nomor induk, no peserta, nomor peserta, kode peserta, id peserta
        """,
    ),
    RosterField.FULL_NAME: (
        """
        full name, name, name en, guest name, student name, attendee name, nama, nama lengkap,
        nama mahasiswa, nama siswa, nama peserta, nama tamu, nama wisudawan
        """,
    ),
    RosterField.FIRST_NAME: ("first name, given name, nama depan",),
    RosterField.LAST_NAME: (
        "last name, surname, family name, nama belakang, nama keluarga, marga",
    ),
    RosterField.EMAIL: (
        """
        email, email address, mail, contact email, preferred contact email, surel, alamat email,
        alamat surel
        """,
    ),
    RosterField.PHONE: (
        "whatsapp, whatsapp number, wa, no wa, nomor wa, no whatsapp, nomor whatsapp",
        """
        hp, no hp, nomor hp, hp wa, no hp wa, nomor hp wa, handphone, no handphone,
        nomor handphone, mobile, mobile phone, mobile number, cell, cell phone
        """,
        """
        phone, phone number, phone 1, telephone, tel, telepon, no telepon, nomor telepon, telp,
        no telp
        """,
    ),
    RosterField.TICKET_TYPE: (
        """
        ticket type, ticket name, ticket title, jenis tiket, tipe tiket, kategori tiket,
        kelas tiket
        """,
        "ticket, tiket",
        "type, tipe, jenis, category, kategori",
        "kelas",
    ),
    RosterField.SEAT: ("seat, seat number, kursi, no kursi, nomor kursi, tempat duduk",),
    RosterField.LOCALE: (
        "locale",
        "language, preferred language, ticket language, bahasa tiket, bahasa pilihan",
    ),
    RosterField.SALES_CHANNEL: (
        "sales channel, kanal penjualan, saluran penjualan",
        "channel, kanal",
    ),
    RosterField.TEST_MODE: ("test mode, is test, mode uji, mode tes, mode uji coba",),
    RosterField.HOLD: ("hold, hold reason, on hold, tahan, ditahan, alasan tahan, catatan tahan",),
    RosterField.PAYMENT: (
        """
        payment, payment status, paid, pembayaran, status pembayaran, status bayar, lunas,
        sudah bayar
        """,
    ),
    RosterField.STATUS: (
        """
        attendee status, approval status, registration status, rsvp status, guest status,
        status peserta, status pendaftaran
        """,
        "status",
        "rsvp",
        "order status",
        "featured",
    ),
}
HEADER_SUFFIXES = ("aktif", "active", "wajib", "required")  # "e-mail aktif" is an e-mail address
# In a school's roster "kelas" is the form of a pupil ("XII IPA 1"), not a ticket type.
SCHOOL_HEADERS = ("nis", "nisn", "nama siswa")
SCHOOL_CLASS_HEADER = "kelas"
GIVEN_NAME_HEADERS = ("name", "nama")  # beside a column of surnames only

TOTAL_WORDS = frozenset(
    f"{word}{end}"
    for word in (
        "jumlah", "total", "subtotal", "sub total", "grand total", "jumlah total",
        "total peserta", "jumlah peserta",
    )
    for end in ("", ":", " :")
)  # fmt: skip
SPREADSHEET_ERRORS = frozenset({
    "#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!", "#spill!", "#calc!",
    "#error!",
})  # fmt: skip
PLACEHOLDERS = frozenset({
    "-", "--", "---", "\u2013", "\u2014", ".", "..", "_", "?", "n/a", "n.a.", "na", "null", "none",
    "nil", "nan", "undefined", "tidak ada", "belum ada", "tanpa", "kosong", "tba", "tbd",
})  # fmt: skip
ID_PLACEHOLDERS = PLACEHOLDERS | {"0", "00", "000", "0000", "0.0", "x", "xx", "xxx"}
WORD_PLACEHOLDERS = PLACEHOLDERS | {"0"}  # in columns of ticket types and seats
# Null, Na and Nan are real names, so that a name is empty only if it cannot be one.
NAME_PLACEHOLDERS = frozenset({
    "-", "--", "---", "\u2013", "\u2014", ".", "..", "_", "n/a", "n.a.", "tidak ada", "kosong",
})  # fmt: skip
DOUBTFUL_NAME_WORDS = frozenset({"null", "nan", "undefined", "none", "nil", "na"})

NO_WORDS = frozenset({"0", "n", "no", "f", "false", "tidak", "-"})
YES_WORDS = frozenset({"1", "y", "yes", "t", "true", "ya", "x"})
TEST_WORDS = YES_WORDS | {"test", "testing", "test mode", "uji", "uji coba", "tes"}
LIVE_WORDS = NO_WORDS | {"live", "production", "real", "asli"}
LANGUAGE_NAMES = {
    "indonesia": "id", "indonesian": "id", "bahasa indonesia": "id", "bahasa": "id",
    "english": "en", "inggris": "en", "bahasa inggris": "en",
}  # fmt: skip
PAID_WORDS = frozenset({
    "paid", "ok", "free", "settled", "settlement", "lunas", "sudah", "sudah lunas", "sudah bayar",
    "sudah dibayar", "dibayar", "terbayar", "gratis", "bebas",
})  # fmt: skip
UNPAID_WORDS = frozenset({
    "unpaid", "not paid", "pending", "open", "due", "belum", "belum lunas", "belum bayar",
    "belum dibayar", "tidak lunas", "menunggu", "tertunda", "cicil",
})  # fmt: skip
VALID_STATUS_WORDS = YES_WORDS | PAID_WORDS | {
    "active", "approved", "accepted", "attending", "going", "confirmed", "registered",
    "checked in", "completed", "complete", "valid", "aktif", "hadir", "diterima", "disetujui",
    "terdaftar", "terkonfirmasi",
}  # fmt: skip
HELD_STATUS_WORDS = NO_WORDS - {"-"} | UNPAID_WORDS | {
    "cancelled", "canceled", "declined", "rejected", "refunded", "deleted", "expired", "voided",
    "not attending", "not going", "waitlist", "waitlisted", "waiting list", "pending approval",
    "awaiting payment", "awaiting approval", "reserved", "inactive", "transferred", "dibatalkan",
    "batal", "ditolak", "tidak hadir", "daftar tunggu", "tidak aktif",
}  # fmt: skip
