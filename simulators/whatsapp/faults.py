"""Faults of the gateways, set by tests or by hand while the simulator runs."""

from dataclasses import asdict, dataclass, field, fields
from threading import Lock
from typing import Any, Literal, get_args

Kind = Literal[
    "error", "rate-limit", "html", "slow", "hang-up", "act-then-hang-up", "act-then-stall"
]


@dataclass(slots=True)
class WhatsAppResponseFault:
    """Fault for the next `times` calls whose path contains `path`."""

    kind: Kind
    times: int = 1
    path: str = ""
    status: int = 503  # for "error" and "html"
    code: int = 131016  # for "error" of the Cloud API
    retry_after: int = 30  # seconds, for "rate-limit"
    seconds: float = 30  # for "slow", which then responds normally, and "act-then-stall"

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown response fault {self.kind!r}; use one of {get_args(Kind)}")


@dataclass(slots=True)
class WhatsAppFaults:
    """All faults that can be set. Counters decrease with use; other values stay until changed."""

    duplicates: int = 0  # additional copies of each report
    disorder: bool = False  # reports of a message arrive in reverse order
    delay_seconds: float = 0.0  # delay of every report
    lost: int = 0  # the next n reports are not sent
    forged: int = 0  # the next n reports have a wrong signature
    silent: bool = False  # messages are delivered without reports
    unread: bool = False  # messages are never read
    delivered_missing: bool = False  # "read" comes without "delivered"
    banned: bool = False  # the sender's number is banned on every gateway
    quota_used_up: bool = False  # Fonnte's
    refused: dict[str, int] = field(default_factory=dict)  # number: code of the immediate rejection
    failing: dict[str, int] = field(default_factory=dict)  # number: code of the later report
    answers: list[WhatsAppResponseFault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(self, **switches: object) -> None:
        """Set the given faults; ValueError for an unknown name or a value of the wrong type."""
        checked = {name: _checked(name, value) for name, value in switches.items()}
        with self._lock:
            for name, value in checked.items():
                setattr(self, name, value)

    def clear(self) -> None:
        """Reset all faults."""
        self.set(**{name: getattr(WhatsAppFaults(), name) for name in SWITCHES})

    def take(self, count: Literal["lost", "forged"]) -> bool:
        """Decrease a counter and return whether it was above zero."""
        with self._lock:
            left: int = getattr(self, count)
            if left:
                setattr(self, count, left - 1)
            return bool(left)

    def take_response_fault(self, path: str) -> WhatsAppResponseFault | None:
        """Return the fault for a call and decrease its count."""
        with self._lock:
            for fault in self.answers:
                if fault.times and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Return all settings as a JSON object."""
        plain = {name: getattr(self, name) for name in SWITCHES if name != "answers"}
        return plain | {"answers": [asdict(fault) for fault in self.answers]}


def _checked(name: str, value: object) -> object:
    if name not in SWITCHES:
        raise ValueError(f"unknown fault {name!r}; use one of {', '.join(SWITCHES)}")
    if name == "answers":
        return [WhatsAppResponseFault(**given) for given in _dicts(value)]
    kind = type(getattr(WhatsAppFaults(), name))
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{name}: {value!r} is not a {kind.__name__}")
    if isinstance(value, dict):
        return {str(number): int(code) for number, code in value.items()}
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError(f"{name}: {value!r} is negative")
    return value


def _dicts(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [
            asdict(one) if isinstance(one, WhatsAppResponseFault) else dict(one) for one in value
        ]
    raise ValueError("answers: expected a list")


SWITCHES = tuple(each.name for each in fields(WhatsAppFaults) if not each.name.startswith("_"))
