"""How each field of a bill is read from a document: the tables under `[rows.fields]`."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ticketing.billing.sources.contract import PaymentState
from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.money import MoneyStyle, parse_money

DOT_PATH = r"^[^.\s]+(\.[^.]+)*$"
Path = Annotated[str, Field(pattern=DOT_PATH)]
Word = bool | int | str
PeriodKind = Literal[
    "academic_year", "academic_month", "calendar_month", "semester", "month_of", "text"
]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_tuple)]


class Table(BaseModel):
    """A table of the mapping file; a key that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Condition(Table):
    """A field has one of these words; numbers are compared by their text."""

    field: Path
    among: Annotated[tuple[Word, ...], Field(alias="in", min_length=1)]


class TextField(Table):
    """A text: the first filled path, several paths joined, or a constant."""

    source: Annotated[Paths, Field(alias="from")] = ()
    join: Paths = ()
    sep: str = "/"
    const: str | None = None
    missing: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse none and more than one of `from`, `join` and `const`."""
        if sum((bool(self.source), bool(self.join), self.const is not None)) != 1:
            raise ValueError("set exactly one of `from`, `join` and `const`")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path that is read."""
        return self.source + self.join


class Children(Table):
    """Base of fields that may be computed from a list of child objects, such as payments."""

    source: Annotated[Paths, Field(alias="from")] = ()
    children: Annotated[Path | None, Field(alias="sum")] = None
    field: Path | None = None
    where: Condition | None = None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        """Refuse a field without a source, with two, and children without their field."""
        if bool(self.source) == (self.children is not None):
            raise ValueError("set exactly one of `from` and `sum`")
        if (self.children is None) != (self.field is None):
            raise ValueError("`field` names the field of each object under `sum`: set both")
        if self.where and self.children is None:
            raise ValueError("`where` chooses among the objects under `sum`: set both")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path that is read from the row's scope."""
        return self.source + ((self.children,) if self.children else ())


class MoneyField(Children):
    """An amount, or the sum of one field of child objects."""

    money: MoneyStyle
    missing: str | None = None

    @model_validator(mode="after")
    def _check_missing(self) -> Self:
        """Refuse a replacement that is no amount."""
        if self.missing is not None:
            self.missing_amount()
        return self

    def missing_amount(self) -> Decimal:
        """Return the amount that replaces a blank one."""
        try:
            return parse_money(self.missing, self.money)
        except BadRecord as error:
            raise ValueError(f"missing: {error}") from error


class Reversals(Table):
    """Which child objects take another payment back: by its reference, else by its amount."""

    field: Path
    among: Annotated[tuple[Word, ...], Field(alias="in", min_length=1)]
    amount: Path
    money: MoneyStyle = "plain"
    reference: Path | None = None  # of the payment that is taken back, in the reversal
    id: Path | None = None  # of a payment

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse one half of the pair `reference` and `id`."""
        if (self.reference is None) != (self.id is None):
            raise ValueError("a `reference` names the `id` of a payment: set both")
        return self


class DateField(Children):
    """A date, or the latest one of child objects that were not reversed."""

    formats: Annotated[tuple[str, ...], Field(min_length=1)]
    pick: Literal["max"] = "max"
    missing: Literal["null"] | None = None
    reversals: Reversals | None = None

    @model_validator(mode="after")
    def _check_reversals(self) -> Self:
        """Refuse reversals where there are no child objects."""
        if self.reversals and self.children is None:
            raise ValueError("`reversals` are among the objects under `sum`: set both")
        return self


class PeriodField(Table):
    """A period; months need `year` and `month`, the other kinds `from`."""

    type: Literal["period"] = "period"
    kind: PeriodKind
    source: Annotated[Paths, Field(alias="from")] = ()
    year: Path | None = None
    month: Path | None = None
    formats: tuple[str, ...] = ("iso",)
    missing: Literal["null"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse a kind without its paths."""
        if self.kind in {"academic_month", "calendar_month"}:
            if not (self.year and self.month) or self.source:
                raise ValueError(f"kind {self.kind} needs `year` and `month`, and no `from`")
        elif not self.source or self.year or self.month:
            raise ValueError(f"kind {self.kind} needs `from`, and no `year` or `month`")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path that is read."""
        return self.source + tuple(path for path in (self.year, self.month) if path)


class StatusField(Table):
    """The state that the source states; a word that is not in `map` makes a record bad."""

    source: Annotated[Paths, Field(alias="from", min_length=1)]
    map: Annotated[dict[str, PaymentState], Field(min_length=1)]
    missing: PaymentState | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path that is read."""
        return self.source


class BillFields(Table):
    """The fields of a bill. Without `amount_paid`, the stated status decides what is paid."""

    bill_code: TextField
    period: PeriodField | None = None
    amount_due: MoneyField
    amount_paid: MoneyField | None = None
    paid_at: DateField | None = None
    status: StatusField | None = None
    source_ref: TextField | None = None
    currency: TextField | None = None

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, value: TextField | None) -> TextField | None:
        """Refuse a constant that is no currency code."""
        if value and value.const is not None and not is_currency(value.const):
            raise ValueError(f"{value.const!r} is no currency code such as IDR")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse fields from which the paid amount cannot be known."""
        if self.amount_paid is None and self.status is None:
            raise ValueError("set `amount_paid`, or `status` if the source has no paid amount")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path that is read."""
        given = (getattr(self, name) for name in type(self).model_fields)
        return tuple(path for field in given if field for path in field.paths)


def is_currency(text: str) -> bool:
    """Return whether a text has the form of a currency code."""
    return len(text) == len("IDR") and text.isascii() and text.isalpha() and text.isupper()
