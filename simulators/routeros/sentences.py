"""What the words of a sentence mean: a command one way, replies the other.

Bytes are text in Latin-1 here, so whatever a client stores comes back as it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.routeros import wire
from simulators.routeros.refusals import Trap

_TEXT = "latin-1"
_TAG = b".tag="


@dataclass(frozen=True, slots=True)
class Command:
    """A command word, taken apart, and what came with it."""

    menu: str
    verb: str
    given: dict[str, str]
    queries: tuple[str, ...]
    tag: bytes | None

    @property
    def word(self) -> str:
        """The command word as it came."""
        return f"{self.menu}/{self.verb}"


def find_tag(words: list[bytes]) -> bytes | None:
    """The tag that every reply has to carry."""
    return next((word[len(_TAG) :] for word in words[1:] if word.startswith(_TAG)), None)


def parse_command(words: list[bytes]) -> Command:
    """The command that the words make; a Trap for a word of a shape there is not."""
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


def encode_reply(word: str, said: Mapping[str, str], tag: bytes | None) -> bytes:
    """A reply sentence on the wire."""
    words = [word.encode(), *(f"={name}={value}".encode(_TEXT) for name, value in said.items())]
    if tag is not None:
        words.insert(1, _TAG + tag)
    return wire.encode_sentence(words)


def encode_trap(refusal: Trap, tag: bytes | None) -> bytes:
    """A refusal, and the end of the command."""
    category = {} if refusal.category is None else {"category": str(refusal.category)}
    return encode_reply("!trap", {**category, "message": refusal.message}, tag) + encode_reply(
        "!done", {}, tag
    )


def encode_fatal(reason: str) -> bytes:
    """The end of the connection: a bare word, and no tag."""
    return wire.encode_sentence([b"!fatal", reason.encode(_TEXT)])
