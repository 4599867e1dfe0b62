"""Encrypted files of any size under a passphrase, written and read in flat memory.

    magic | length of header 4 | header as JSON | stream header 24 | { length 4 | message }

The key is Argon2id of the passphrase; the messages are those of libsodium's secretstream
(XChaCha20-Poly1305), which detects changed, missing and reordered ones. The header is readable
without the passphrase; the first message authenticates it. A file without its last message is
recognised.
"""

import json
import struct
from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, BinaryIO

from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_ABYTES,
    crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_init_push,
    crypto_secretstream_xchacha20poly1305_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    crypto_secretstream_xchacha20poly1305_TAG_PUSH,
)
from nacl.exceptions import RuntimeError as SodiumError
from nacl.pwhash import argon2id
from nacl.utils import random as random_bytes

from ticketing.platform.kernel.errors import Misconfigured, Refused

MAGIC = b"TICKETING SEALED 1\n"
MESSAGE_BYTES = 64 * 1024
MIN_PASSPHRASE = 12  # characters
_KEY_BYTES = 32
_MAX_HEADER_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")
# a header comes from a file: a forged one must not make us reserve all memory
_MAX_MEMORY = 1024 * 1024 * 1024
_MAX_OPERATIONS = 10


class DamagedFile(Refused):
    """An encrypted file is incomplete, was changed, or has another passphrase."""


class MessageKind(IntEnum):
    """What a message ends: nothing, a part, or the file."""

    MORE = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
    END_OF_PART = crypto_secretstream_xchacha20poly1305_TAG_PUSH
    END_OF_FILE = crypto_secretstream_xchacha20poly1305_TAG_FINAL


@dataclass(frozen=True, slots=True)
class KeyCost:
    """Cost of deriving the key: passes, and bytes of memory."""

    operations: int = argon2id.OPSLIMIT_MODERATE
    memory: int = argon2id.MEMLIMIT_MODERATE


def require_passphrase(passphrase: str) -> str:
    """Return the passphrase. Raises Misconfigured when it is too short to protect a file."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise Misconfigured(
            f"the passphrase has {len(passphrase)} characters; use at least {MIN_PASSPHRASE},"
            " for example six random words"
        )
    return passphrase


class SealedWriter:
    """Encrypts messages into a file; without `finish` the file is recognised as incomplete."""

    def __init__(
        self, file: BinaryIO, passphrase: str, header: dict[str, Any], cost: KeyCost | None = None
    ) -> None:
        """Write the header. `header` is not secret."""
        cost = cost or KeyCost()
        salt = random_bytes(argon2id.SALTBYTES)
        clear = json.dumps({
            **header, "salt": salt.hex(), "operations": cost.operations, "memory": cost.memory,
        }).encode()  # fmt: skip
        self._file = file
        self._state = crypto_secretstream_xchacha20poly1305_state()
        key = _derive_key(require_passphrase(passphrase), salt, cost)
        stream_header = crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        file.write(MAGIC + _LENGTH.pack(len(clear)) + clear + stream_header)
        self._authenticated: bytes | None = clear

    def write(self, message: bytes, kind: MessageKind = MessageKind.MORE) -> None:
        """Encrypt one message of at most MESSAGE_BYTES."""
        sealed = crypto_secretstream_xchacha20poly1305_push(
            self._state, message, self._authenticated, kind
        )
        self._authenticated = None
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)

    def finish(self, message: bytes) -> None:
        """Write the last message."""
        self.write(message, MessageKind.END_OF_FILE)


def read_clear_header(file: BinaryIO) -> dict[str, Any]:
    """Return the header without the passphrase, so nothing vouches for it. Raises DamagedFile."""
    return _parse_header(_read_header(file))


def read_sealed(file: BinaryIO, passphrase: str) -> Generator[tuple[MessageKind, bytes]]:
    """Yield the messages with their kinds, the last one END_OF_FILE.

    Raises DamagedFile for another passphrase, and for every change and for a missing end.
    """
    clear = _read_header(file)
    header = _parse_header(clear)
    cost = KeyCost(int(header["operations"]), int(header["memory"]))
    if cost.memory > _MAX_MEMORY or cost.operations > _MAX_OPERATIONS:
        raise DamagedFile("the header asks for more memory than any backup needs: a forged file")
    state = crypto_secretstream_xchacha20poly1305_state()
    stream_header = file.read(crypto_secretstream_xchacha20poly1305_HEADERBYTES)
    if len(stream_header) < crypto_secretstream_xchacha20poly1305_HEADERBYTES:
        raise DamagedFile("the file ends in its header: it is incomplete, take another one")
    key = _derive_key(passphrase, bytes.fromhex(header["salt"]), cost)
    crypto_secretstream_xchacha20poly1305_init_pull(state, stream_header, key)
    authenticated: bytes | None = clear
    while True:
        kind, message = _read_message(file, state, authenticated)
        authenticated = None
        yield kind, message
        if kind is MessageKind.END_OF_FILE:
            if file.read(1):
                raise DamagedFile("there is something after the end of the file")
            return


def _read_message(
    file: BinaryIO,
    state: crypto_secretstream_xchacha20poly1305_state,
    authenticated: bytes | None,
) -> tuple[MessageKind, bytes]:
    try:
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    except struct.error as error:
        raise DamagedFile("the file ends too early: it is incomplete, take another one") from error
    if length > MESSAGE_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES:
        raise DamagedFile("the file was changed: a message is too long")
    try:
        message, tag = crypto_secretstream_xchacha20poly1305_pull(
            state, file.read(length), authenticated
        )
        return MessageKind(tag), message
    except (SodiumError, ValueError) as error:
        reason = (
            "the passphrase is another one, or the file was changed"
            if authenticated
            else "the file was changed or is incomplete; take another one"
        )
        raise DamagedFile(reason) from error


def _read_header(file: BinaryIO) -> bytes:
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedFile("this is no backup made by `ticketing backup create`")
    length_field = file.read(_LENGTH.size)
    length = _LENGTH.unpack(length_field)[0] if len(length_field) == _LENGTH.size else 0
    clear = file.read(min(length, _MAX_HEADER_BYTES))
    if not length or len(clear) < length:
        raise DamagedFile("the file ends in its header: it is incomplete, take another one")
    return clear


def _parse_header(clear: bytes) -> dict[str, Any]:
    try:
        header = json.loads(clear)
        if not {"salt", "operations", "memory"} <= header.keys():
            raise DamagedFile("the header of the file was changed: its parameters are missing")
    except (ValueError, AttributeError) as error:
        raise DamagedFile("the header of the file was changed: it is no JSON object") from error
    return dict(header)


def _derive_key(passphrase: str, salt: bytes, cost: KeyCost) -> bytes:
    return argon2id.kdf(
        _KEY_BYTES, passphrase.encode(), salt, opslimit=cost.operations, memlimit=cost.memory
    )
