"""Parsing of command sentences and encoding of replies.

Bytes are treated as Latin-1, so stored values are returned unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.routeros import wire
from simulators.routeros.refusals import Trap

_TEXT = "latin-1"
_TAG = b".tag="


@dataclass(frozen=True, slots=True)
class Command:
    """Parsed command with its attributes and queries."""

    menu: str
    verb: str
    given: dict[str, str]
    queries: tuple[str, ...]
    tag: bytes | None

    @property
    def word(self) -> str:
        """Return the command word as received."""
        return f"{self.menu}/{self.verb}"


def find_tag(words: list[bytes]) -> bytes | None:
    """Return the tag that every reply must carry."""
    return next((word[len(_TAG) :] for word in words[1:] if word.startswith(_TAG)), None)


def parse_command(words: list[bytes]) -> Command:
    """Parse words into a command; raise Trap for a malformed word."""
    menu, _, verb = words[0].decode(_TEXT).rpartition("/")
    given: dict[str, str] = {}
    queries = []
    for word in words[1:]:
        text = word.decode(_TEXT)
        if text.startswith("="):
            name, _, value = text[1:].partition("=")
            given[name] = value
        elif text.startswith("?"):
            queries.append(text)
        elif not text.startswith(".tag="):
            raise Trap("unknown parameter")
    return Command(menu, verb, given, tuple(queries), find_tag(words))


def encode_reply(word: str, attributes: Mapping[str, str], tag: bytes | None) -> bytes:
    """Encode a reply sentence."""
    words = [
        word.encode(),
        *(f"={name}={value}".encode(_TEXT) for name, value in attributes.items()),
    ]
    if tag is not None:
        words.insert(1, _TAG + tag)
    return wire.encode_sentence(words)


def encode_trap(refusal: Trap, tag: bytes | None) -> bytes:
    """Encode a trap and the end of the command."""
    category = {} if refusal.category is None else {"category": str(refusal.category)}
    return encode_reply("!trap", {**category, "message": refusal.message}, tag) + encode_reply(
        "!done", {}, tag
    )


def encode_fatal(reason: str) -> bytes:
    """Encode the end of the connection: a bare word without a tag."""
    return wire.encode_sentence([b"!fatal", reason.encode(_TEXT)])
