"""Commands for a router, and its replies."""

from dataclasses import dataclass, field

from ticketing.platform.kernel.errors import TicketingError

_PUBLIC = {"profile", "limit-uptime", "limit-bytes-total", "disabled", ".id", ".proplist"}

ReplyRow = dict[str, str]


@dataclass(frozen=True, slots=True)
class RouterCommand:
    """A command for a router. `repeatable`: it may be sent again without reading back."""

    word: str
    attributes: dict[str, str] = field(default_factory=dict, repr=False)
    queries: tuple[str, ...] = field(default=(), repr=False)
    repeatable: bool = True

    @property
    def secrets(self) -> list[str]:
        """Values that must not appear in a message."""
        query_values = [query.partition("=")[2] for query in self.queries]
        return query_values + [
            value for name, value in self.attributes.items() if name not in _PUBLIC
        ]


@dataclass(frozen=True, slots=True)
class CommandReply:
    """A router's reply to a command; `error` if it refused or did not reply."""

    rows: list[ReplyRow] = field(default_factory=list)
    error: TicketingError | None = None

    def raise_for_error(self) -> "CommandReply":
        """Return the reply; raise its error if it has one."""
        if self.error:
            raise self.error
        return self
