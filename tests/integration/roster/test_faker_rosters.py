"""Names, e-mails and phones of every locale of Faker, imported as one file."""

import csv
import unicodedata
from collections.abc import Callable
from io import StringIO

import pytest
from faker import Faker
from faker.config import AVAILABLE_LOCALES
from sqlalchemy import select

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import import_rejected_rows
from ticketing.roster.import_result import ImportResult

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]
PEOPLE_PER_LOCALE = 4
# all of them would take ten seconds to load
PROVIDERS = [
    f"faker.providers.{name}" for name in ("date_time", "internet", "person", "phone_number")
]
HEADER = ("nim", "nama", "email", "no hp")


@pytest.fixture
def people() -> list[tuple[str, str, str, str]]:
    """Invent people of every locale; each second one has an id."""
    found: list[tuple[str, str, str, str]] = []
    for locale in sorted(AVAILABLE_LOCALES):
        fake = Faker(locale, providers=PROVIDERS)
        fake.seed_instance(locale)
        for _ in range(PEOPLE_PER_LOCALE):
            external_id = "" if len(found) % 2 else f"{locale}-{len(found)}"
            phone = fake.phone_number() if hasattr(fake, "phone_number") else fake.mobile_number()
            found.append((external_id, fake.name(), fake.email(), phone))
    return found


@pytest.mark.filterwarnings("ignore:fr_QC locale is deprecated")
def test_every_person_of_every_locale_is_imported_under_the_name_or_rejected_with_a_reason(
    people: list[tuple[str, str, str, str]],
    import_csv: Import,
    read_guests: ReadGuests,
    database: Database,
) -> None:
    sheet = StringIO()
    csv.writer(sheet, lineterminator="\n").writerows([HEADER, *people])

    result = import_csv(sheet.getvalue().rstrip("\n"))

    assert result.total == result.counts.rows == len(people)
    with database.transaction() as connection:
        query = select(import_rejected_rows.c.line_number, import_rejected_rows.c.reason)
        rejected = {row.line_number: row.reason for row in connection.execute(query)}
    assert len(rejected) == result.counts.quarantined
    assert all(rejected.values())
    # only without an id does a phone number that is none keep a row aside
    assert not any(people[line - 2][0] for line in rejected)
    kept = [person for line, person in enumerate(people, 2) if line not in rejected]
    expected = sorted(" ".join(unicodedata.normalize("NFC", name).split()) for _, name, *_ in kept)
    assert sorted(str(guest["full_name"]) for guest in read_guests().values()) == expected
