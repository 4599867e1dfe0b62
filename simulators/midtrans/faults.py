"""Faults of the gateway, set by tests or by hand while the simulator runs."""

from dataclasses import asdict, dataclass, field, fields
from threading import Lock
from typing import Any, Literal, get_args

Kind = Literal["error", "html", "slow", "hang-up", "act-then-hang-up"]


@dataclass(slots=True)
class MidtransResponseFault:
    """Fault for the next `times` calls whose path contains `path`."""

    kind: Kind
    times: int = 1
    path: str = ""
    status: int = 503  # for "error" and "html"
    seconds: float = 30  # for "slow", which then responds normally

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown response fault {self.kind!r}; use one of {get_args(Kind)}")


@dataclass(slots=True)
class MidtransFaults:
    """All faults that can be set. Counters decrease with use; other values stay until changed."""

    duplicates: int = 0  # additional copies of each notification
    disorder_seconds: float = 0.0  # a notification waits this long and follows the next one
    delay_seconds: float = 0.0  # delay of every notification
    lost: int = 0  # the next n notifications are not sent
    forged: int = 0  # the next n notifications have a wrong signature
    flipped: dict[str, str] = field(default_factory=dict)  # fields changed after signing
    settle_after_seconds: float = 0.0  # delay of settlement, even beyond expiry
    customer_fee: int = 0  # rupiah added to the next payments and reported
    amount_off: int = 0  # rupiah added to the next payments, not reported
    never_expires: bool = False  # payments stay pending beyond expiry without notification
    refunds_denied: int = 0  # the next n refunds are denied
    errors_with_http_200: bool = False  # Core API errors appear only in the body
    noise: float = 0.0  # rate of random faults in notifications and responses
    answers: list[MidtransResponseFault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(self, **switches: object) -> None:
        """Set the given faults; ValueError for an unknown name or a value of the wrong type."""
        checked = {name: self._checked(name, value) for name, value in switches.items()}
        with self._lock:
            for name, value in checked.items():
                setattr(self, name, value)

    def set_from_form(self, texts: dict[str, str]) -> None:
        """Set faults from form fields; ValueError as for `set`."""
        self.set(**{name: _parse_value(name, text) for name, text in texts.items()})

    def clear(self) -> None:
        """Reset all faults."""
        self.set(**{name: getattr(_NONE, name) for name in SWITCHES})

    def take(self, count: Literal["lost", "forged", "refunds_denied"]) -> bool:
        """Decrease a counter and return whether it was above zero."""
        with self._lock:
            left: int = getattr(self, count)
            if left:
                setattr(self, count, left - 1)
            return bool(left)

    def take_response_fault(self, path: str) -> MidtransResponseFault | None:
        """Return the fault for a call and decrease its count."""
        with self._lock:
            for fault in self.answers:
                if fault.times and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Return all settings as a JSON object."""
        return {
            name: [asdict(fault) for fault in self.answers] if name == "answers" else value
            for name in SWITCHES
            for value in [getattr(self, name)]
        }

    def _checked(self, name: str, value: object) -> object:
        if name not in SWITCHES:
            raise ValueError(f"unknown fault {name!r}; use one of {', '.join(SWITCHES)}")
        if name == "answers":
            return [MidtransResponseFault(**given) for given in _dicts(value)]
        kind = type(getattr(_NONE, name))
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{name}: {value!r} is not a {kind.__name__}")
        if name == "noise" and float(str(value)) > 1:
            raise ValueError(f"noise: {value!r} is above 1")
        if isinstance(value, (int, float)) and value < 0 and name != "amount_off":
            raise ValueError(f"{name}: {value!r} is negative")
        return dict(value) if isinstance(value, dict) else value


def _parse_value(name: str, text: str) -> object:
    """Return the typed value converted to the fault's type; unknown types stay text."""
    kind = type(getattr(_NONE, name, ""))
    if kind is bool:
        return text == "on"
    return kind(text) if kind in {int, float} else text


def _dicts(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [
            asdict(one) if isinstance(one, MidtransResponseFault) else dict(one) for one in value
        ]
    raise ValueError("answers: expected a list")


SWITCHES = tuple(each.name for each in fields(MidtransFaults) if not each.name.startswith("_"))
_NONE = MidtransFaults()
