"""Tests of reading forms: any content survives, and broken forms are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.http.multipart import FormFile, UnreadableForm, parse_form

TYPE = "multipart/form-data; boundary=--x"
HEAD = b'----x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
END = b"\r\n----x--\r\n"


@given(st.binary().filter(lambda content: b"\r\n----x" not in b"\r\n" + content))
def test_a_file_is_read_as_it_was_sent(content: bytes) -> None:
    form = parse_form(TYPE, HEAD + content + END)

    assert form.files == {"file": FormFile("a.csv", content)}


def test_fields_are_read_beside_the_file() -> None:
    field = b'----x\r\nContent-Disposition: form-data; name="dryRun"\r\n\r\ntrue\r\n'

    form = parse_form('multipart/form-data; boundary="--x"', field + HEAD + b"1" + END)

    assert (form.fields, list(form.files)) == ({"dryRun": "true"}, ["file"])


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        (b'filename="C:\\data\\a.csv"', "a.csv"),
        (b'filename="../../etc/passwd"', "passwd"),
        (b"filename*=UTF-8''pesert%C3%A9.csv", "peserté.csv"),
        ('filename="peserté.csv"'.encode(), "peserté.csv"),
        (b'filename=""', "roster"),
    ],
)
def test_the_name_of_a_file_has_no_folder(file_name: bytes, expected: str) -> None:
    body = HEAD.replace(b'filename="a.csv"', file_name) + END

    assert parse_form(TYPE, body).files["file"].name == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", HEAD + END),
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
