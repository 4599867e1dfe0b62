"""The mapping file as types: a source's paths, paging, limits and the fields of its bills."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sources.mapping.fields import BillFields, Condition, Path, Table, Word
from ticketing.billing.sources.mapping.money import MoneyStyle

AuthenticationKind = Literal["none", "bearer", "header", "query", "basic", "client_credentials"]
PagingKind = Literal["none", "page", "offset", "cursor", "link"]
Words = dict[Path, tuple[Word, ...]]
UrlPath = Annotated[str, Field(pattern=r"^/[^\s#]*$")]


class Authentication(Table):
    """How requests prove who sends them; the secrets are settings, not in this file."""

    kind: AuthenticationKind = "none"
    header: str = "X-API-Key"  # of kind header
    parameter: str = "key"  # of kind query
    token_path: UrlPath = "/oauth/token"  # noqa: S105 - of kind client_credentials
    scope: str = ""


class Limits(Table):
    """What the source allows, and how long one attempt may take."""

    per_second: Annotated[float | None, Field(gt=0)] = None
    sliding: bool = False  # the limit slides, or is small: stay further below it
    connections: Annotated[int, Field(ge=1, le=256)] = 4
    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 30
    connect_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    max_body_bytes: Annotated[int, Field(ge=1024)] = 5_000_000


class Paging(Table):
    """How the list of students is divided into pages.

    `total` and `next` are paths in a page. Pages end where there is no next one, or when as many
    students were seen as the total says; never at a short page.
    """

    kind: PagingKind = "page"
    page: str = "page"
    first: int = 1
    size_parameter: str = "per_page"
    size: Annotated[int, Field(ge=1)] = 200
    offset: str = "offset"
    cursor: str = "cursor"
    next: Path | None = None
    total: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse cursors without the path of the next one."""
        if self.kind == "cursor" and self.next is None:
            raise ValueError("kind cursor needs `next`, the path of the next cursor in a page")
        return self


class Meaning(Table):
    """Words in a document by which the source says that it failed, although the status is 200."""

    path: Path
    among: Annotated[tuple[Word, ...], Field(alias="in", min_length=1)]
    means: FailureClass


class Students(Table):
    """The list of students: paths of the list in a page, and of fields in an item."""

    path: UrlPath = "/students"
    items: Path = "data"
    id: Path
    name: Path
    group: Path | None = None
    active: Condition | None = None
    ok: Words = Field(default_factory=dict)
    answers: tuple[Meaning, ...] = ()
    paging: Paging = Paging()


class Record(Table):
    """The request for one student's record, and how to recognise that it was answered."""

    path: Annotated[UrlPath, Field(pattern=r"\{student\}")] = "/payments/{student}"
    ok: Words = Field(default_factory=dict)
    answers: tuple[Meaning, ...] = ()
    quota_texts: tuple[str, ...] = ("quota",)  # in a 403: the limit of the day is used up
    content_types: tuple[str, ...] = ("application/json", "text/json")
    volatile: tuple[Path, ...] = ("generated_at",)  # not compared: they change with every answer


class Summary(Table):
    """The record's own totals, which are compared with the sums of its bills."""

    each: tuple[tuple[str, Path], ...] = ()
    due: Path
    paid: Path | None = None
    money: MoneyStyle = "plain"


class Rows(Table):
    """How a document is divided into bills.

    `each` walks nested lists and names the item of every level, so that a field can also use what
    stands above it. Its first path begins with `doc`, the document.
    """

    each: Annotated[tuple[tuple[str, Path], ...], Field(min_length=1)]
    owner: Path | None = None
    skip: Condition | None = None
    duplicates: Literal["refuse", "sum", "keep"] = "refuse"
    summary: Summary | None = None
    fields: BillFields

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse paths that begin with a name that no level has."""
        names = _names_of(self.each)
        used = [*self.fields.paths, *([self.owner] if self.owner else [])]
        used += [self.skip.field] if self.skip else []
        _require_known(used, names)
        if self.summary:
            names = _names_of(self.summary.each)
            _require_known([self.summary.due, *filter(None, [self.summary.paid])], names)
        return self


class Queries(Table):
    """The queries of a database view: columns as in `[students]`; `:student` is the id."""

    students: str
    record: Annotated[str, Field(pattern=":student")]


class SourceMapping(Table):
    """A whole mapping file. `version` changes with its content and with the source's address."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    zone: str = "Asia/Jakarta"
    encoding: str = "utf-8"
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "IDR"
    authentication: Authentication = Authentication()
    limits: Limits = Limits()
    students: Students
    record: Record = Record()
    rows: Rows
    sql: Queries | None = None
    version: str = ""

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        """Refuse a time zone that does not exist."""
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"no time zone {value!r}; such as Asia/Makassar") from error
        return value

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, value: str) -> str:
        """Refuse an encoding that does not exist."""
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(f"no encoding {value!r}; such as latin-1") from error
        return value


def _names_of(each: tuple[tuple[str, str], ...]) -> set[str]:
    """Return the names of all levels, after checking that each path begins with one above."""
    names = {"doc"}
    for name, path in each:
        _require_known([path], names)
        names.add(name)
    return names


def _require_known(paths: list[str], names: set[str]) -> None:
    for path in _unknown(paths, names):
        raise ValueError(f"{path} begins with none of {', '.join(sorted(names))}")


def _unknown(paths: list[str], names: set[str]) -> Iterator[str]:
    return (path for path in paths if path.partition(".")[0] not in names)
