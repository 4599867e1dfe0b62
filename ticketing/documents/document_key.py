"""The key of a document: a digest of all that it depends on."""

import functools
import hashlib
import json
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from ticketing.documents.engine_version import engine_version
from ticketing.documents.fonts import installed_fonts
from ticketing.documents.printed_page import TEST_BANNER
from ticketing.documents.ticket_data import PrintedTicket

# changes when the same ticket gets other bytes from the same engine
_FULL_FORMAT, _STAMPED_FORMAT = "full 2", "stamped 2"
_BAKED = (
    "event_slug", "event_name", "starts_at", "ends_at", "time_zone", "locale", "venue",
    "ticket_type", "is_test",
)  # fmt: skip
_own_texts = attrgetter(
    "ticket_code", "qr_text", "first_name", "last_name", "full_name", "email", "seat"
)


class DocumentKeys:
    """Keys of documents of one template. Thread-safe."""

    def __init__(self, template_digest: str, *, is_stamped: bool) -> None:
        document_format = _STAMPED_FORMAT if is_stamped else _FULL_FORMAT
        self._parts = [document_format, engine_version(), installed_fonts().digest, template_digest]
        # of an event all tickets but the type of ticket have the same state
        self._state_of = functools.lru_cache(maxsize=256)(self._new_state)

    def key_of(self, ticket: PrintedTicket) -> str:
        """Return the key of a ticket's document in hexadecimal."""
        state = self._state_of(*[getattr(ticket, name) for name in _BAKED]).copy()
        state.update(_own_part(ticket))
        digest: str = state.hexdigest()
        return digest

    def _new_state(self, *baked: object) -> Any:  # noqa: ANN401  # hashlib names no type
        *texts, is_test = baked
        banner = TEST_BANNER if is_test else ""
        return hashlib.sha256(_canonical([*self._parts, *texts, banner]))


def _own_part(ticket: PrintedTicket) -> bytes:
    """Return what only this ticket prints; no two tickets have the same."""
    texts = (str(ticket.ticket_id), _iso_format(ticket.issued_at), *_own_texts(ticket))
    joined = "\0".join(texts)
    if ticket.extra or joined.count("\0") != len(texts) - 1:
        return _canonical([*texts, sorted(ticket.extra.items())])  # takes five times as long
    return joined.encode("utf-8", "surrogatepass")


@functools.lru_cache(maxsize=1024)
def _iso_format(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()  # the database may return any zone


def _canonical(values: list[object]) -> bytes:
    return _ENCODER.encode(values).encode("utf-8", "surrogatepass")


def _json_default(value: object) -> str:
    if isinstance(value, datetime):
        return _iso_format(value)
    raise TypeError(f"a printed ticket has a value of type {type(value).__name__}")


_ENCODER = json.JSONEncoder(default=_json_default, ensure_ascii=False)
