"""Tests of reading forms: any content survives, and broken forms are refused."""

import anyio
import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from ticketing.platform.http.multipart import UnreadableForm, read_form

TYPE = "multipart/form-data; boundary=--x"
HEAD = b'----x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
END = b"\r\n----x--\r\n"
Parts = tuple[
    dict[str, list[str]], dict[str, tuple[str, bytes]]
]  # fields, and names and content of files


def parse_form(content_type: str, body: bytes, chunk: int = 65536) -> Parts:
    """Return the parts of a form that arrives in chunks."""
    starts = iter(range(0, max(1, len(body)), chunk))
    headers = [(b"content-type", content_type.encode())]

    async def receive() -> Message:
        start = next(starts)
        more = start + chunk < len(body)
        return {"type": "http.request", "body": body[start : start + chunk], "more_body": more}

    async def read() -> Parts:
        async for form in read_form(Request({"type": "http", "headers": headers}, receive)):
            files = {name: (each.name, each.file.read()) for name, each in form.files.items()}
            return form.fields, files
        raise AssertionError("no form")

    return anyio.run(read)


@given(
    st.binary().filter(lambda content: b"\r\n----x" not in b"\r\n" + content), st.integers(1, 99)
)
def test_a_file_is_read_as_it_was_sent(content: bytes, chunk: int) -> None:
    assert parse_form(TYPE, HEAD + content + END, chunk) == ({}, {"file": ("a.csv", content)})


def test_fields_are_read_beside_the_file() -> None:
    field = b'----x\r\nContent-Disposition: form-data; name="dryRun"\r\n\r\ntrue\r\n'

    fields, files = parse_form('multipart/form-data; boundary="--x"', field + HEAD + b"1" + END)

    assert (fields, list(files)) == ({"dryRun": ["true"]}, ["file"])


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        (b'filename="C:\\data\\a.csv"', "a.csv"),
        (b'filename="../../etc/passwd"', "passwd"),
        ('filename="peserté.csv"'.encode(), "peserté.csv"),
        (b'filename=""', "roster"),
    ],
)
def test_the_name_of_a_file_has_no_folder(file_name: bytes, expected: str) -> None:
    body = HEAD.replace(b'filename="a.csv"', file_name) + END

    assert parse_form(TYPE, body)[1]["file"][0] == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", HEAD + END),
        (TYPE, HEAD + b"no end\r\n----x\r\n"),
        (TYPE, HEAD.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 9999 + b"\r\n\r\n") + END),
        (TYPE, b"".join(HEAD.replace(b'"file"', b'"%d"' % n) + b"\r\n" for n in range(31)) + END),
        (TYPE, HEAD + b"cut"),
        (TYPE, b"----x\r\n\r\nno name" + END),
        (TYPE, b'----x\r\nContent-Disposition: form-data; filename="a"\r\n\r\n' + END),
        (TYPE, HEAD + b"\r\n" + HEAD + END),
        (TYPE, b""),
    ],
)
def test_a_broken_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(UnreadableForm):
        parse_form(content_type, body)
