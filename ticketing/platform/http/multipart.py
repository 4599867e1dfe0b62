"""Read the fields and the files of a form (`multipart/form-data`); large files are on disk."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ticketing.platform.kernel.errors import Refused

MAX_OVERHEAD_BYTES = 64 * 1024  # of a form around its file
MAX_FILE_NAME_LENGTH = 200
_MAX_FILES = 30
_MAX_FIELDS = 100
_FORM_TYPE = "multipart/form-data"


class UnreadableForm(Refused):
    """The body is not a complete form."""


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form, open until the request has been answered; the name has no folder."""

    name: str
    size: int
    file: BinaryIO


@dataclass(frozen=True, slots=True)
class Form:
    """The parts of a form by the names of their fields; a text field may occur several times."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, FormFile] = field(default_factory=dict)


async def read_form(request: Request) -> AsyncGenerator[Form]:
    """Yield the parts of a form, then close its files. Raises UnreadableForm for a broken one."""
    sent = await _parse_body(request)
    try:
        yield _to_form(sent)
    finally:
        await sent.close()


async def _parse_body(request: Request) -> FormData:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise UnreadableForm(f"send the file as a form: Content-Type {_FORM_TYPE}")
    try:
        return await _Parser(request).parse()
    except MultiPartException as error:
        raise UnreadableForm(f"the form cannot be read: {error.message}") from error


class _Parser(MultiPartParser):
    """Starlette's parser, which would accept a form without an end."""

    def __init__(self, request: Request) -> None:
        super().__init__(
            request.headers, self._stream(request), max_files=_MAX_FILES, max_fields=_MAX_FIELDS,
            max_part_size=MAX_OVERHEAD_BYTES,
        )  # fmt: skip
        self._has_ended = False

    def on_end(self) -> None:
        self._has_ended = True

    async def _stream(self, request: Request) -> AsyncGenerator[bytes]:
        async for chunk in request.stream():
            yield chunk
        if not self._has_ended:  # raised into the parser, which closes its files
            raise MultiPartException("its end is missing")


def _to_form(sent: FormData) -> Form:
    form = Form()
    for name, value in sent.multi_items():
        if not isinstance(value, UploadFile):
            form.fields.setdefault(name, []).append(value)
        elif name in form.files:
            raise UnreadableForm(f"the form has two files in the field {name!r}")
        else:
            base_name = _base_name(value.filename or "")
            form.files[name] = FormFile(base_name, value.size or 0, value.file)
    return form


def _base_name(file_name: str) -> str:
    """Return a file name without folders and controls; old browsers send the whole path."""
    name = re.split(r"[/\\]", unquote(file_name))[-1]
    printable = "".join(character for character in name if character.isprintable())
    return printable[-MAX_FILE_NAME_LENGTH:] or "roster"
