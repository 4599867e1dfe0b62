"""Names and classes of the simulated students."""

GIRLS = (
    "Aisyah", "Anisa", "Ayu", "Bunga", "Citra", "Dewi", "Dian", "Fatimah", "Fitri", "Gita",
    "Hana", "Indah", "Intan", "Khadijah", "Laila", "Maya", "Nabila", "Nur", "Putri", "Rahma",
    "Ratna", "Rina", "Salma", "Sari", "Siti", "Tiara", "Ulfa", "Wulan", "Yuni", "Zahra",
)  # fmt: skip
BOYS = (
    "Abdullah", "Adi", "Ahmad", "Arif", "Bagus", "Bayu", "Budi", "Dimas", "Eko", "Fajar",
    "Farhan", "Galih", "Hasan", "Ilham", "Irfan", "Joko", "Lukman", "Muhammad", "Nizar", "Putra",
    "Rafi", "Reza", "Rizki", "Slamet", "Taufik", "Umar", "Wahyu", "Yoga", "Yusuf", "Zaki",
)  # fmt: skip
FAMILIES = (
    "Anggraini", "Ardiansyah", "Firmansyah", "Gunawan", "Hakim", "Halim", "Handayani", "Hidayat",
    "Kurniawan", "Kusuma", "Lestari", "Maulana", "Nugroho", "Permata", "Prasetyo", "Pratama",
    "Purnama", "Rahman", "Ramadhan", "Safitri", "Santoso", "Saputra", "Setiawan", "Siregar",
    "Suryani", "Susanto", "Utami", "Wibowo", "Wijaya", "Yulianti",
)  # fmt: skip
GRADES = ("VII", "VIII", "IX", "X", "XI", "XII")
_ROOMS = "ABCD"


def name_for(draw: bytes) -> str:
    """Return a full name for three random bytes; some people have one name only."""
    gender, first, family = draw
    given = GIRLS if gender % 2 else BOYS
    name = given[first % len(given)]
    if family > 250:  # noqa: PLR2004 - one in fifty
        return name
    middle = f" {given[(first + gender) % len(given)]}" if gender % 5 == 0 else ""
    return f"{name}{middle} {FAMILIES[family % len(FAMILIES)]}"


def class_for(grade: int, draw: int) -> str:
    """Return the class, such as XI A, for an index of GRADES and a random byte."""
    return f"{GRADES[grade]} {_ROOMS[draw % len(_ROOMS)]}"
