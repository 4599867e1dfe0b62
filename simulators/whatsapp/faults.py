"""What is to go wrong: switches, set by tests and by hand while the simulator runs."""

from dataclasses import asdict, dataclass, field, fields
from threading import Lock
from typing import Any, Literal, get_args

Kind = Literal[
    "error", "rate-limit", "html", "slow", "hang-up", "act-then-hang-up", "act-then-stall"
]


@dataclass(slots=True)
class WhatsAppResponseFault:
    """The next `times` calls whose path contains `path` are answered like this."""

    kind: Kind
    times: int = 1
    path: str = ""
    status: int = 503  # for "error" and "html"
    code: int = 131016  # for "error" of the Cloud API
    retry_after: int = 30  # seconds, for "rate-limit"
    seconds: float = 30  # for "slow", which then answers as usual, and "act-then-stall"

    def __post_init__(self) -> None:
        """Refuse a kind there is not."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"no answer fault {self.kind!r}; there are {get_args(Kind)}")


@dataclass(slots=True)
class WhatsAppFaults:
    """All switches. Counts go down as they are used; the rest stays until it is set again."""

    duplicates: int = 0  # each report comes this many times more
    disorder: bool = False  # a message's reports come last first
    delay_seconds: float = 0.0  # every report is late by this
    lost: int = 0  # the next n reports never leave
    forged: int = 0  # the next n reports have a wrong signature
    silent: bool = False  # messages arrive and nothing is reported
    unread: bool = False  # nobody reads
    delivered_missing: bool = False  # "read" comes without "delivered"
    banned: bool = False  # the sender's number is locked, on every gateway
    quota_used_up: bool = False  # Fonnte's
    refused: dict[str, int] = field(default_factory=dict)  # number: code it is answered with
    failing: dict[str, int] = field(default_factory=dict)  # number: code reported afterwards
    answers: list[WhatsAppResponseFault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(self, **switches: object) -> None:
        """Set some; ValueError for one there is not, or a value of the wrong kind."""
        checked = {name: _checked(name, value) for name, value in switches.items()}
        with self._lock:
            for name, value in checked.items():
                setattr(self, name, value)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.set(**{name: getattr(WhatsAppFaults(), name) for name in SWITCHES})

    def take(self, count: Literal["lost", "forged"]) -> bool:
        """Take one of a count, if any is left."""
        with self._lock:
            left: int = getattr(self, count)
            if left:
                setattr(self, count, left - 1)
            return bool(left)

    def take_response_fault(self, path: str) -> WhatsAppResponseFault | None:
        """The fault for a call, counted down."""
        with self._lock:
            for fault in self.answers:
                if fault.times and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Every switch and where it stands."""
        plain = {name: getattr(self, name) for name in SWITCHES if name != "answers"}
        return plain | {"answers": [asdict(fault) for fault in self.answers]}


def _checked(name: str, value: object) -> object:
    if name not in SWITCHES:
        raise ValueError(f"no switch {name!r}; there are {', '.join(SWITCHES)}")
    if name == "answers":
        return [WhatsAppResponseFault(**given) for given in _dicts(value)]
    kind = type(getattr(WhatsAppFaults(), name))
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{name}: {value!r} is not a {kind.__name__}")
    if isinstance(value, dict):
        return {str(number): int(code) for number, code in value.items()}
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError(f"{name}: {value!r} is less than nothing")
    return value


def _dicts(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [
            asdict(one) if isinstance(one, WhatsAppResponseFault) else dict(one) for one in value
        ]
    raise ValueError("answers: a list is wanted")


SWITCHES = tuple(each.name for each in fields(WhatsAppFaults) if not each.name.startswith("_"))
