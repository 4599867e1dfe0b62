"""Tests of sealed files: whatever was changed, cut off or guessed is refused, never half read."""

from collections.abc import Callable
from io import BytesIO

import pytest

from ticketing.crypto.sealed_stream import (
    DamagedFile,
    KeyCost,
    MessageKind,
    SealedWriter,
    read_clear_header,
    read_sealed,
)
from ticketing.platform.kernel.errors import Misconfigured

PASSPHRASE = "six random words of a test"  # noqa: S105
CHEAP = KeyCost(1, 8192)
MESSAGES = [b"first", b"", b"x" * 65_536]


@pytest.fixture
def sealed() -> bytes:
    """Return a sealed file with a part of three messages and a last one."""
    file = BytesIO()
    writer = SealedWriter(file, PASSPHRASE, {"name": "tuesday"}, CHEAP)
    for message in MESSAGES[:-1]:
        writer.write(message)
    writer.write(MESSAGES[-1], MessageKind.END_OF_PART)
    writer.finish(b"end")
    return file.getvalue()


def test_messages_are_read_back_with_what_they_end(sealed: bytes) -> None:
    read = list(read_sealed(BytesIO(sealed), PASSPHRASE))

    assert [message for _, message in read] == [*MESSAGES, b"end"]
    assert [kind for kind, _ in read][2:] == [MessageKind.END_OF_PART, MessageKind.END_OF_FILE]


def test_the_header_is_readable_without_the_passphrase(sealed: bytes) -> None:
    assert read_clear_header(BytesIO(sealed))["name"] == "tuesday"


def test_another_passphrase_is_refused(sealed: bytes) -> None:
    with pytest.raises(DamagedFile, match="passphrase"):
        list(read_sealed(BytesIO(sealed), "six other words of a test"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file[:-1], id="the last byte is missing"),
        pytest.param(lambda file: file[: len(file) - 24], id="the last message is missing"),
        pytest.param(lambda file: file + b"x", id="a byte follows the end"),
        pytest.param(lambda file: file.replace(b"tuesday", b"sunday!"), id="the header"),
        pytest.param(lambda file: file[:-30] + bytes([file[-30] ^ 1]) + file[-29:], id="a bit"),
        pytest.param(lambda file: file[:40], id="only the beginning"),
        pytest.param(lambda _: b"", id="an empty file"),
        pytest.param(lambda _: b"PK\x03\x04" + bytes(100), id="a file of another kind"),
    ],
)
def test_a_changed_file_is_refused(sealed: bytes, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DamagedFile):
        list(read_sealed(BytesIO(change(sealed)), PASSPHRASE))


def test_a_forged_header_does_not_reserve_all_memory(sealed: bytes) -> None:
    greedy = sealed.replace(b'"memory": 8192', b'"memory": 9e15')

    with pytest.raises(DamagedFile, match="memory"):
        list(read_sealed(BytesIO(greedy), PASSPHRASE))


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(Misconfigured, match="at least 12"):
        SealedWriter(BytesIO(), "short", {}, CHEAP)
