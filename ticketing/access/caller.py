"""Who sends a request: an API key, a user or a signed link, with a role and its events."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from ticketing.platform.http.errors import NotAllowed


class Role(StrEnum):
    """Role of a user or an API key; each role includes the previous ones."""

    GATE = "gate"  # checks in the tickets of an event; only for API keys
    VIEWER = "viewer"  # reads counts, lists and states
    OPERATOR = "operator"  # issues and reads tickets
    ADMIN = "admin"  # what `admin_actions` lists

    def includes(self, other: "Role") -> bool:
        """Return whether this role has all rights of the other."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class CallerKind(StrEnum):
    """What authenticated a request."""

    API_KEY = "api"
    USER = "user"
    LINK = "link"  # a signed link


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated sender of a request. `event_ids` None is no restriction."""

    kind: CallerKind
    id: int
    name: str
    role: Role
    event_ids: Collection[int] | None = None

    @property
    def reference(self) -> str:
        """Return `api:1` or `user:1`, for logs and idempotency keys, without a name."""
        return f"{self.kind}:{self.id}"

    @property
    def actor(self) -> str:
        """Return the actor for the audit log."""
        return f"{self.kind}:{self.name}"

    def require(self, role: Role) -> None:
        """Raise NotAllowed unless the caller's role includes this one."""
        if not self.role.includes(role):
            raise NotAllowed(f"this needs the role {role}, you have {self.role}", role=role)

    def require_event(self, event_id: int | None) -> None:
        """Raise NotAllowed unless the caller may act on an event; None is on all events."""
        if self.event_ids is None or event_id in self.event_ids:
            return
        numbers = ", ".join(map(str, sorted(self.event_ids))) or "none"
        raise NotAllowed(f"you are restricted to these events: {numbers}", events=numbers)
