"""Parse JSON so that nothing is guessed or lost: exact numbers, no double keys, one document."""

import json
from decimal import Decimal
from math import isinf
from typing import Never

_SHOWN_CHARACTERS = 80


class BadDocument(ValueError):
    """A body is not one JSON document that can be stored; the message says why."""


def decode_document(body: bytes, encoding: str = "utf-8") -> str:
    """Return the text of a body without its byte order mark.

    Raises BadDocument for an empty body and for bytes that are not in `encoding`.
    """
    if not body.strip():
        raise BadDocument("the body is empty, which is not the same as no bills")
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadDocument(
            f"the body is not {encoding}: byte {error.start} is 0x{body[error.start]:02x};"
            " set `encoding` in the mapping file"
        ) from error
    return text.removeprefix("\ufeff")


def parse_document(text: str) -> object:
    """Return the JSON value; numbers with a fraction are `Decimal`.

    Raises BadDocument for NaN, infinite numbers, a key twice in one object, NUL characters (which
    PostgreSQL cannot store), text behind the document, and whatever else is not JSON.
    """
    try:
        value: object = json.loads(
            text,
            parse_float=_exact_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_keys,
        )
    except json.JSONDecodeError as error:
        raise BadDocument(f"no JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise BadDocument("no usable JSON: nested too deeply") from error
    except BadDocument:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise BadDocument(f"no usable JSON: {error}") from error
    if "\\u" in text:
        _refuse_unstorable(value)
    return value


def canonical_json(value: object) -> bytes:
    """Return one byte text for equal documents: sorted keys, no blanks, exact numbers."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_number_text
    ).encode()


def shorten(value: object) -> str:
    """Return a value for a message, cut to one short line."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _exact_number(text: str) -> Decimal:
    if isinf(float(text)):
        raise BadDocument(f"the number {shorten(text)} is infinite")
    return Decimal(text)


def _refuse_constant(text: str) -> Never:
    raise BadDocument(f"{text} is no JSON number")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadDocument(f"the key {shorten(twice)} is twice in one object")
    return found


def _refuse_unstorable(value: object) -> None:
    try:
        text = canonical_json(value)
    except UnicodeEncodeError as error:
        raise BadDocument("half a surrogate pair: text that cannot be stored") from error
    if b"\\u0000" in text:
        raise BadDocument("a NUL character: text that cannot be stored")


def _number_text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError(f"{type(value).__name__} is no JSON value")
