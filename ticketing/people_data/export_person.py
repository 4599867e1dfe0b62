"""Export everything known of one person as a ZIP of one JSON file and a CSV file per table."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ticketing.people_data import records_queries
from ticketing.people_data.find_person import find_person
from ticketing.people_data.person import Person
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.csv_writer import ENCODING
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.text import guard_formula

EXPORT_ACTION = "people.export"
_README = """\
Everything stored about one person, exported at {at}.

person.json has all of it; the CSV files have the same, one file per table. Times are in UTC,
amounts in whole rupiah. Left out: QR codes, tokens and passwords, with which tickets, orders and
vouchers could be used by somebody else, and PDFs, which hold nothing that is not here.
"""


@dataclass(frozen=True, slots=True)
class PersonExport:
    """The rows of a person by table."""

    at: datetime
    contacts: Sequence[str]
    records: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self.records.values()))

    def as_json(self) -> str:
        """Return the export as one JSON document."""
        document = {
            "exportedAt": self.at, "contacts": self.contacts, "records": self.records,
        }  # fmt: skip
        return json.dumps(document, ensure_ascii=False, indent=2, default=_to_json)

    def as_zip(self, delimiter: str) -> bytes:
        """Return the export as a ZIP: a readable text, the JSON document, a CSV file per table."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _README.format(at=self.at.isoformat()))
            archive.writestr("person.json", self.as_json())
            for name, rows in self.records.items():
                archive.writestr(f"{name}.csv", _sheet(rows, delimiter))
        return buffer.getvalue()


def export_person(
    database: Database, texts: Sequence[str], *, all_matches: bool, at: datetime, by: str
) -> PersonExport:
    """Return everything known of a person, and record that it was read."""
    with database.transaction() as connection:
        person = find_person(connection, texts, all_matches=all_matches)
        found = {
            each.name: list(records_queries.read_records(connection, each))
            for each in records_queries.list_exported_sets(person)
        }
        export = PersonExport(
            at, sorted(person.contacts), {name: rows for name, rows in found.items() if rows}
        )
        audit_log.record(connection, by, EXPORT_ACTION, items=export.rows, details=identify(person))
    return export


def write_export(export: PersonExport, path: Path, *, delimiter: str) -> None:
    """Write the export, readable for its owner only; the file appears when it is complete."""
    is_json = path.suffix.lower() == ".json"
    content = export.as_json().encode() if is_json else export.as_zip(delimiter)
    draft = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise Refused(f"--output {path} cannot be written: {error.strerror}") from error


def identify(person: Person) -> dict[str, list[int]]:
    """Return the ids of a person's records for the audit log, which names nobody."""
    return {
        "guests": sorted(person.guest_ids),
        "orders": sorted(person.order_ids),
        "waiting": sorted(person.entry_ids),
    }


def _to_json(value: object) -> object:
    """Return stored bytes as the JSON that they hold, and times in ISO 8601."""
    match value:
        case datetime():
            return value.isoformat()
        case bytes() | memoryview():
            text = bytes(value).decode("utf-8", "replace")
            try:
                return json.loads(text)
            except ValueError:
                return text
        case _:
            return str(value)


def _sheet(rows: Iterable[Mapping[str, Any]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    sheet = csv.writer(text, delimiter=delimiter)
    for number, row in enumerate(rows):
        if not number:
            sheet.writerow(row)
        sheet.writerow([_cell(value) for value in row.values()])
    return text.getvalue().encode(ENCODING)


def _cell(value: object) -> object:
    match value:
        case None | int():
            return value
        case str():
            return guard_formula(value)
        case dict() | list():
            return guard_formula(json.dumps(value, ensure_ascii=False, default=_to_json))
        case _:
            written = _to_json(value)
            return guard_formula(written if isinstance(written, str) else json.dumps(written))
