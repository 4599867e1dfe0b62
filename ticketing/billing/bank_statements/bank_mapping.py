"""The mapping file of a bank: which columns of its statements mean what."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from ticketing.billing.sources.mapping.fields import Table
from ticketing.billing.sources.mapping.money import MoneyStyle
from ticketing.platform.kernel.errors import Misconfigured

CREDIT_WORDS = ("CR", "K", "C", "KREDIT", "CREDIT")


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str | int) else value


# a header, or a place counted from 1 where two headers are equal or one is missing
ColumnName = Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)]
ColumnNames = Annotated[tuple[ColumnName, ...], BeforeValidator(_as_tuple)]


class Columns(Table):
    """The columns of a statement. Give `credit`, or `amount` with the direction in or beside it."""

    date: Annotated[str, Field(min_length=1)]
    description: Annotated[ColumnNames, Field(min_length=1)]
    credit: ColumnName | None = None
    amount: ColumnName | None = None
    direction: ColumnName | None = None
    id: ColumnName | None = None  # the bank's own number of the row

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse both or neither of the two ways to state an amount."""
        if (self.credit is None) == (self.amount is None):
            raise ValueError("give `credit` or `amount`, not both")
        return self

    def names(self) -> set[str]:
        """Return the headers that the header row has."""
        given = (*self.description, self.date, self.credit, self.amount, self.direction, self.id)
        return {name for name in given if isinstance(name, str)}


class Formats(Table):
    """The formats of dates and amounts in the statement; neither is guessed.

    A `date` without a year takes it from `period`, a pattern with two groups in the lines above the
    table, whose dates have the format `period_date`.
    """

    date: Annotated[str, Field(min_length=2)]
    money: MoneyStyle
    pending: tuple[str, ...] = ("PEND",)  # in the column of the date: not booked yet
    credit_words: Annotated[tuple[str, ...], Field(min_length=1)] = CREDIT_WORDS
    period: str | None = None
    period_date: str = "%d/%m/%Y"

    @property
    def has_year(self) -> bool:
        """Return whether a date states its year."""
        return self.date == "iso" or any(each in self.date for each in ("%y", "%Y", "%x", "%D"))

    @field_validator("period")
    @classmethod
    def _check_pattern(cls, value: str | None) -> str | None:
        if value is not None and _compile(value).groups != len(("first", "last")):
            raise ValueError("the pattern needs two groups: the first and the last day")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse dates of an unknown year."""
        if not self.has_year and self.period is None:
            raise ValueError("a `date` without a year needs `period`, a pattern with two dates")
        return self


class Matching(Table):
    """Patterns with the named groups `student`, and `bill` if the reference states it."""

    references: tuple[str, ...] = ()

    @field_validator("references")
    @classmethod
    def _check_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if "student" not in _compile(pattern).groupindex:
                raise ValueError(f"{pattern}: the group (?P<student>…) is missing")
        return value


class Totals(Table):
    """The label of the line that states the sum of all credits."""

    credit: str | None = None


class BankMapping(Table):
    """A mapping file."""

    bank: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    account: Annotated[str, Field(min_length=1, max_length=60)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "IDR"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: Columns
    formats: Formats
    match: Matching = Matching()
    totals: Totals = Totals()


def load_bank_mapping(path: Path) -> BankMapping:
    """Return the mapping of a TOML file. Raises Misconfigured with each wrong key."""
    try:
        return BankMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is no TOML file: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise Misconfigured(f"{path}: {faults}") from error


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{pattern}: {error}") from error
