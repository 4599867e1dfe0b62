"""Create wisuda-2026.csv: 500 invented graduates with names in many scripts and typical errors.

Run once with a fixed seed; the repository contains the result.
"""

import csv
import random
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from faker import Faker

SEED = 20261212
TARGET = Path(__file__).with_name("wisuda-2026.csv")
HEADER = ["NIM", "Nama Lengkap", "Email", "No HP", "Program Studi", "Jenis Tiket", "Kursi"]
NIM, NAME, EMAIL, PHONE, SEAT = 0, 1, 2, 3, 6

# Number of names by locale; 500 in total with the lists below.
LOCALES = {
    "id_ID": 246,
    "ar_SA": 24,
    "zh_CN": 24,
    "ja_JP": 20,
    "th_TH": 20,
    "hi_IN": 20,
    "ko_KR": 14,
    "ru_RU": 14,
    "uk_UA": 8,
    "he_IL": 12,
    "el_GR": 8,
    "fr_FR": 10,
    "tr_TR": 10,
    "pl_PL": 8,
    "cs_CZ": 8,
    "nl_NL": 10,
}
# Family name first, without a space in Chinese and Korean.
FAMILY_FIRST = {"zh_CN": "", "ko_KR": "", "ja_JP": " "}
# Faker supports neither Javanese script nor Vietnamese names.
JAVANESE = (
    ["ꦧꦸꦢꦶ", "ꦱꦿꦶ", "ꦢꦺꦮꦶ", "ꦮꦸꦭꦤ꧀", "ꦫꦠꦶꦃ", "ꦲꦒꦸꦁ", "ꦏꦂꦠꦶꦏ", "ꦗꦪ"],
    ["ꦥꦸꦠꦿ", "ꦱꦫꦶ", "ꦮꦶꦗꦪ", "ꦤꦸꦒꦿꦲ", "ꦥꦿꦱꦼꦠꦾ"],
)
VIETNAMESE = (
    ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Đặng", "Bùi", "Võ"],
    ["Thị Thu Hà", "Minh Đức", "Ngọc Ánh", "Văn Hùng", "Quỳnh Như", "Hữu Phước"],
)
COMPOSED = [(JAVANESE, 20), (VIETNAMESE, 24)]
PROGRAMMES = [
    "Teknik Informatika",
    "Kedokteran",
    "Hukum",
    "Sastra Jawa",
    "Ilmu Komunikasi",
    "Agronomi",
    "Akuntansi",
    "Farmasi",
]
PREFIXES = ["811", "812", "813", "821", "822", "852", "857", "858", "878", "896"]


def names(chance: random.Random) -> Iterator[str]:
    """Yield 500 different names in their own scripts."""
    for (first, second), wanted in COMPOSED:
        yield from chance.sample([f"{one} {two}" for one in first for two in second], wanted)
    for locale, wanted in LOCALES.items():
        faker = Faker(locale)
        faker.seed_instance(SEED)
        seen: set[str] = set()
        while len(seen) < wanted:
            name = name_in(faker, locale)
            if name not in seen and not any(mark in name for mark in "().,"):
                seen.add(name)
                yield name


def name_in(faker: Faker, locale: str) -> str:
    """Return a name without titles."""
    if faker.pybool() and hasattr(faker, "last_name_female"):
        given, family = faker.first_name_female(), faker.last_name_female()
    elif hasattr(faker, "last_name_male"):
        given, family = faker.first_name_male(), faker.last_name_male()
    else:
        given, family = faker.first_name(), faker.last_name()
    if locale in FAMILY_FIRST:
        return f"{family}{FAMILY_FIRST[locale]}{given}"
    return f"{given} {family}"


def graduates(chance: random.Random) -> list[list[str]]:
    """Return 500 clean rows in no particular order."""
    everyone = list(names(chance))
    chance.shuffle(everyone)
    rows = []
    for number, name in enumerate(everyone, 1):
        nim = f"22{number * 7919 % 1_000_000:06d}"
        best = number % 25 == 0
        rows.append(
            [
                nim,
                name,
                address_of(name, nim),
                f"0{chance.choice(PREFIXES)}{chance.randrange(10**7, 10**8)}",
                chance.choice(PROGRAMMES),
                "Wisudawan Terbaik" if best else "Wisudawan",
                f"{chr(ord('A') + (number - 1) // 25)}-{(number - 1) % 25 + 1:02d}",
            ]
        )
    return rows


def address_of(name: str, nim: str) -> str:
    """Return an e-mail address from a name in Latin letters, else from the student number."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = ["".join(filter(str.isalnum, word)) for word in plain.split()]
    is_latin = len(plain) >= len(name)
    local = f"{'.'.join(filter(None, words))}.{nim[-3:]}" if is_latin else f"mhs{nim}"
    return f"{local}@mail.example.ac.id"


def without_zero(phone: str) -> str:
    """Remove the leading zero, as a spreadsheet does that stores the number as numeric."""
    return phone[1:]


def grouped(phone: str) -> str:
    """Group the digits."""
    return f"{phone[:4]}-{phone[4:8]}-{phone[8:]}"


def with_country_code(phone: str) -> str:
    """Add the country code."""
    national = phone.removeprefix("0")
    return f"+62 {national[:3]} {national[3:]}"


# Typical errors, which the import repairs: (every n-th row, column, change)
ERRORS: list[tuple[int, int, Callable[[str], str]]] = [
    (3, PHONE, without_zero),
    (7, PHONE, grouped),
    (11, PHONE, with_country_code),
    (13, PHONE, lambda phone: f"'{phone}"),
    (17, PHONE, lambda phone: f'="{phone}"'),
    (29, PHONE, lambda _: "-"),
    (19, NIM, lambda nim: f"'{nim}"),
    (5, NAME, lambda name: f"{name}  "),
    (23, NAME, lambda name: name.replace(" ", "\u00a0 ", 1)),
    (4, NAME, lambda name: unicodedata.normalize("NFD", name)),
    (31, NAME, lambda name: f"{name}\u200b"),
    (9, EMAIL, lambda email: f" {email.title()} "),
    (37, SEAT, lambda seat: f"{seat} "),
]


def with_errors(rows: list[list[str]]) -> list[list[str]]:
    """Return the same people with typing and spreadsheet errors."""
    changed_rows = [list(row) for row in rows]
    for step, column, change in ERRORS:
        for row in changed_rows[step - 1 :: step]:
            # at most one error per cell
            if column != PHONE or row[PHONE].isdecimal():
                row[column] = change(row[column])
    return changed_rows


def bad_lines(rows: list[list[str]]) -> dict[int, list[str]]:
    """Return lines to insert by position: two duplicates and twelve invalid rows."""
    changed = [*rows[60][:PHONE], "081200000000", *rows[60][PHONE + 1 :]]
    renamed = [rows[90][NIM], "Nama Lain Sekali", *rows[90][EMAIL:]]
    tail = ["Hukum", "Wisudawan", "Z-01"]
    return {
        40: list(rows[12]),
        80: list(rows[33]),
        120: changed,
        160: renamed,
        200: ["22990001", "", "tanpa.nama@mail.example.ac.id", "081234567801", *tail],
        230: ["", "Dewi Lestari Anggraini", "dewi.lestari@", "081234567802", *tail],
        260: ["", "Bagus Prakoso", "bagus prakoso@mail", "081234567803", *tail],
        290: ["", "Rina Kusumawati", "rina@mail.example.ac.id", "6,28123E+11", *tail],
        320: ["2,2E+07", "Joko Susanto", "joko@mail.example.ac.id", "081234567805", *tail],
        350: ["22990006", "Hendra", "S.Kom", "hendra@mail.example.ac.id", "081234567806", *tail],
        380: ["", "Lina Marlina", "lina@mail.example.ac.id", "0812345", *tail],
        410: ["", "Tanpa Identitas", "", "", *tail],
        440: ["22990009", "???", "tanya@mail.example.ac.id", "081234567809", *tail],
        470: ["", "Ayu Wandira", "ayu@mail.example.ac.id", "0812345/0813456", *tail],
    }


def main() -> None:
    """Write the file as a spreadsheet does: byte order mark, `;` and CRLF."""
    rows = graduates(random.Random(SEED))
    lines = with_errors(rows)
    for place, line in sorted(bad_lines(lines).items(), reverse=True):
        lines.insert(place, line)
    with TARGET.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(HEADER)
        writer.writerows(lines)
        writer.writerow([""] * len(HEADER))
    print(f"{TARGET.name}: {len(rows)} graduates, {len(lines)} lines")


if __name__ == "__main__":
    main()
