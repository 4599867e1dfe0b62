"""Read the fields and the file of a form (`multipart/form-data`) from a body in memory."""

import re
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import unquote

from ticketing.platform.kernel.errors import Refused

MAX_OVERHEAD_BYTES = 64 * 1024  # of a form around its file
MAX_FILE_NAME_LENGTH = 200
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_ENCODED_FILE_NAME = re.compile(r";\s*filename\*=utf-8''([^;\s]+)", re.IGNORECASE)
_DISPOSITION = re.compile(r"^content-disposition:\s*form-data(.*)$", re.IGNORECASE | re.MULTILINE)


class UnreadableForm(Refused):
    """The body is not a complete form."""


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form; the name has no folder."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The parts of a form by the names of their fields."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, FormFile] = field(default_factory=dict)


def parse_form(content_type: str, body: bytes) -> Form:
    """Return the parts of a form. Raises UnreadableForm for a broken one."""
    form = Form()
    for part in _split_parts(body, _boundary(content_type)):
        head, _, content = part.partition(b"\r\n\r\n")
        name, file_name = _parse_disposition(head.decode("utf-8", "replace"))
        if name in form.fields or name in form.files:
            raise UnreadableForm(f"the field {name!r} occurs twice in the form")
        if file_name is None:
            form.fields[name] = content.decode("utf-8", "replace")
        else:
            form.files[name] = FormFile(file_name, content)
    return form


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise UnreadableForm("send the file as a form: Content-Type multipart/form-data")
    return boundary.encode("latin-1", "replace")


def _split_parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Return the parts between the delimiters; what stands before and after them is ignored."""
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    ends = [at for at, part in enumerate(parts) if part.startswith(b"--")]
    if not ends:
        raise UnreadableForm("the form is incomplete: its end is missing")
    return [part.lstrip(b" \t").removeprefix(b"\r\n") for part in parts[: ends[0]]]


def _parse_disposition(head: str) -> tuple[str, str | None]:
    """Return the names of a part's field and of its file."""
    if not (found := _DISPOSITION.search(head)):
        raise UnreadableForm("a part of the form has no Content-Disposition with its name")
    parameters = {str(key).lower(): str(value) for key, value in _PARAMETER.findall(found[1])}
    if "name" not in parameters:
        raise UnreadableForm("a part of the form has no name")
    encoded = _ENCODED_FILE_NAME.search(found[1])
    file_name = unquote(encoded[1]) if encoded else parameters.get("filename")
    return parameters["name"], None if file_name is None else _base_name(file_name)


def _base_name(file_name: str) -> str:
    """Return a file name without folders and controls; old browsers send the whole path."""
    name = re.split(r"[/\\]", unquote(file_name))[-1]
    printable = "".join(character for character in name if character.isprintable())
    return printable[-MAX_FILE_NAME_LENGTH:] or "roster"
