"""The form that uploads a roster: one file, and how to import it."""

from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import Field, Json, ValidationError

from ticketing.platform.http.envelope import RequestModel
from ticketing.platform.http.errors import BodyTooLarge
from ticketing.platform.http.multipart import Form, FormFile, UnreadableForm
from ticketing.roster.import_result import ImportOptions
from ticketing.roster.uploads.import_requests import UploadedRoster

_REPEATED_FIELDS = {"ignore", "keep"}
_Option = Annotated[str | None, Field(max_length=200)]
_ColumnName = Annotated[str, Field(max_length=200)]
_Columns = Annotated[list[_ColumnName], Field(default_factory=list)]


class ImportForm(RequestModel):
    """The fields of the form beside the file."""

    dry_run: bool = False
    """Whether to report only what the import would do."""
    withdraw_absent: bool = False
    """Whether guests who are not in the file lose their place and ticket."""
    apply_holder_changes: bool = False
    """Whether names on live tickets may change."""
    clear_empty: bool = False
    """Whether empty cells clear stored values."""
    sheet: _Option = None
    """Name of the sheet; default: the only visible one with rows."""
    encoding: _Option = None
    """Encoding of a CSV file, as in `cp1252`; default: detected."""
    delimiter: _Option = None
    """Delimiter of a CSV file; default: detected."""
    header_row: Annotated[
        int | None, Field(ge=1, description="Line of the column names; default: detected.")
    ] = None
    ignore: Annotated[_Columns, Field(description="Columns not to use; repeat the field.")]
    keep: Annotated[
        _Columns, Field(description="Columns to keep for templates, lists and exports.")
    ]
    mapping: Annotated[
        Json[dict[str, str]] | None, Field(description="JSON object: field by column.")
    ] = None


FORM_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A roster: .csv, .xlsx, .xls or .ods.",
                        },
                        **ImportForm.model_json_schema()["properties"],
                    },
                },
                "example": {"file": "guests.xlsx", "dryRun": True, "keep": ["Table"]},
            }
        },
    }
}


def to_upload(form: Form, *, max_bytes: int, delimiter: str) -> UploadedRoster:
    """Return the file of a form and how to import it. Raises UnreadableForm and BodyTooLarge.

    `delimiter` is that of the file of rejected rows.
    """
    file, fields = _require_file(form), _parse_fields(form.fields)
    if file.size > max_bytes:
        raise BodyTooLarge(f"the file exceeds {max_bytes} bytes, see MAX_FILE_SIZE")
    options = ImportOptions(
        mapping=fields.mapping or {},
        ignored=fields.ignore,
        kept=fields.keep,
        header_row=fields.header_row,
        encoding=fields.encoding,
        delimiter=fields.delimiter,
        dry_run=fields.dry_run,
        withdraw_absent=fields.withdraw_absent,
        apply_holder_changes=fields.apply_holder_changes,
        clear_empty=fields.clear_empty,
        quarantine_delimiter=delimiter,
    )
    return UploadedRoster(file.name, file.file, fields.sheet, options)


def _require_file(form: Form) -> FormFile:
    if "file" not in form.files or len(form.files) > 1:
        raise UnreadableForm("send exactly one file, in the field `file`")
    return form.files["file"]


def _parse_fields(fields: dict[str, list[str]]) -> ImportForm:
    stated = {name: list(filter(None, texts)) for name, texts in fields.items()}
    values = {
        name: texts if name in _REPEATED_FIELDS else _require_one(name, texts)
        for name, texts in stated.items()
        if texts
    }
    try:
        return ImportForm.model_validate(values)
    except ValidationError as error:
        faults = [fault | {"loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from error


def _require_one(name: str, texts: list[str]) -> str:
    if len(texts) > 1:
        raise UnreadableForm(f"the field {name!r} occurs twice in the form")
    return texts[0]
