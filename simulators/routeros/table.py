"""Menu table: rows with ids that are never reused, typed properties, unique keys."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from simulators.routeros.refusals import DUPLICATE, Trap, ambiguous, no_such_item
from simulators.routeros.values import TEXT, ValueType

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class TableSchema:
    """Schema of a menu table.

    `settable` properties come from commands, `counted` ones only from the router; `defaults`
    apply to new rows.
    """

    settable: Mapping[str, ValueType]
    counted: Mapping[str, ValueType]
    defaults: Mapping[str, str]
    unique: tuple[str, ...] = ("name",)
    required: tuple[str, ...] = ("name",)
    duplicate: str = DUPLICATE

    @property
    def kinds(self) -> dict[str, ValueType]:
        """Return the value type of every property."""
        return {**self.settable, **self.counted}


class MenuTable:
    """Rows by id in order of insertion."""

    def __init__(self, schema: TableSchema) -> None:
        """Create an empty table; ids start at *1."""
        self.shape = schema
        self.kinds = schema.kinds
        self._rows: dict[str, Row] = {}
        self._taken: dict[tuple[str, ...], str] = {}  # unique values -> id
        self._last_id = 0
        self._folds_case = False

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the stored rows, not copies."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def compare_without_case(self) -> None:
        """Refuse names that differ from another row's only in case; print still finds exact ones.

        Seen on real routers: "already have user" for a name that a query does not find.
        """
        self._folds_case = True
        self._taken = {self._key(row): row[".id"] for row in self}

    def names(self) -> Iterable[str]:
        """Return the names that other rows can reference."""
        return [row["name"] for row in self]

    def find(self, **wanted: str) -> Row | None:
        """Return the first row with these values, if any."""
        return next((row for row in self if wanted.items() <= row.items()), None)

    def add(self, given: Mapping[str, str], counted: Mapping[str, str] | None = None) -> str:
        """Add a row and return its id."""
        for name in self.shape.required:
            if not given.get(name):
                raise Trap(f"missing ={name}=")
        row = {**self.shape.defaults, **self._read(given), **(counted or {})}
        row_id = f"*{self._last_id + 1:X}"
        self._take(row_id, row)
        self._last_id += 1
        self._rows[row_id] = {".id": row_id, **row}
        return row_id

    def change(self, row_id: str, given: Mapping[str, str]) -> None:
        """Change properties of a row."""
        row = self._rows[row_id]
        changed = {**row, **self._read(given)}
        if self._key(changed) != self._key(row):
            self._take(row_id, changed)
            self._taken.pop(self._key(row), None)
        row.update(changed)

    def remove(self, row_id: str) -> None:
        """Remove a row unless the router created it."""
        row = self._rows[row_id]
        if row.get("default") == "true":
            raise Trap("failure: can not remove default item")
        self._taken.pop(self._key(row), None)
        del self._rows[row_id]

    def resolve_id(self, wanted: str) -> str:
        """Return the id of the row that an id or name denotes."""
        if wanted in self._rows:
            return wanted
        named = [row[".id"] for row in self if row.get("name") == wanted and wanted]
        if len(named) > 1:
            raise ambiguous("numbers")
        if not named:
            raise no_such_item()
        return named[0]

    def to_printed_row(self, row: Row) -> Row:
        """Return the row as print shows it, without empty and default values."""
        kinds = self.kinds
        return {
            name: value
            for name, value in row.items()
            if value != kinds.get(name, TEXT).silent and value
        }

    def _read(self, given: Mapping[str, str]) -> Row:
        read = {}
        for name, text in given.items():
            kind = self.shape.settable.get(name)
            if kind is None:
                raise Trap(f"unknown parameter {name}")
            read[name] = kind.read(name, text)
        return read

    def _take(self, row_id: str, row: Row) -> None:
        """Reserve unique values; raise Trap when another row has them."""
        key = self._key(row)
        if key in self._taken:
            raise Trap(self.shape.duplicate)
        if key:
            self._taken[key] = row_id

    def _key(self, row: Row) -> tuple[str, ...]:
        values = (row.get(name, "") for name in self.shape.unique)
        return tuple(value.lower() if self._folds_case else value for value in values)
