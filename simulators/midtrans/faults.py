"""What is to go wrong: switches, set by tests and by hand while the simulator runs."""

from dataclasses import asdict, dataclass, field, fields
from threading import Lock
from typing import Any, Literal, get_args

Kind = Literal["error", "html", "slow", "hang-up", "act-then-hang-up"]


@dataclass(slots=True)
class MidtransResponseFault:
    """The next `times` calls whose path contains `path` are answered like this."""

    kind: Kind
    times: int = 1
    path: str = ""
    status: int = 503  # for "error" and "html"
    seconds: float = 30  # for "slow", which then answers as usual

    def __post_init__(self) -> None:
        """Refuse a kind there is not."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"no answer fault {self.kind!r}; there are {get_args(Kind)}")


@dataclass(slots=True)
class MidtransFaults:
    """All switches. Counts go down as they are used; the rest stays until it is set again."""

    duplicates: int = 0  # each notification comes this many times more
    disorder_seconds: float = 0.0  # a notification waits this long for the next, and comes after it
    delay_seconds: float = 0.0  # every notification is late by this
    lost: int = 0  # the next n notifications never leave
    forged: int = 0  # the next n notifications have a wrong signature
    flipped: dict[str, str] = field(default_factory=dict)  # fields changed after signing
    settle_after_seconds: float = 0.0  # money comes this long after paying, even after the end
    customer_fee: int = 0  # rupiah the gateway adds to the next payments, and says so
    amount_off: int = 0  # rupiah the gateway adds to the next payments in silence
    never_expires: bool = False  # payments stay pending past their end, and nobody is told
    refunds_denied: int = 0  # the next n refunds are refused by the bank
    errors_with_http_200: bool = False  # the Core API's errors only in the body
    noise: float = 0.0  # the share of notifications and answers that anything goes wrong with
    answers: list[MidtransResponseFault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(self, **switches: object) -> None:
        """Set some; ValueError for one there is not, or a value of the wrong kind."""
        checked = {name: self._checked(name, value) for name, value in switches.items()}
        with self._lock:
            for name, value in checked.items():
                setattr(self, name, value)

    def set_from_form(self, texts: dict[str, str]) -> None:
        """Set what a form says; ValueError as for `set`."""
        self.set(**{name: _parse_value(name, text) for name, text in texts.items()})

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.set(**{name: getattr(_NONE, name) for name in SWITCHES})

    def take(self, count: Literal["lost", "forged", "refunds_denied"]) -> bool:
        """Take one of a count, if any is left."""
        with self._lock:
            left: int = getattr(self, count)
            if left:
                setattr(self, count, left - 1)
            return bool(left)

    def take_response_fault(self, path: str) -> MidtransResponseFault | None:
        """The fault for a call, counted down."""
        with self._lock:
            for fault in self.answers:
                if fault.times and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Every switch and where it stands."""
        return {
            name: [asdict(fault) for fault in self.answers] if name == "answers" else value
            for name in SWITCHES
            for value in [getattr(self, name)]
        }

    def _checked(self, name: str, value: object) -> object:
        if name not in SWITCHES:
            raise ValueError(f"no switch {name!r}; there are {', '.join(SWITCHES)}")
        if name == "answers":
            return [MidtransResponseFault(**given) for given in _dicts(value)]
        kind = type(getattr(_NONE, name))
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{name}: {value!r} is not a {kind.__name__}")
        if name == "noise" and float(str(value)) > 1:
            raise ValueError(f"noise: {value!r} is more than all")
        if isinstance(value, (int, float)) and value < 0 and name != "amount_off":
            raise ValueError(f"{name}: {value!r} is less than nothing")
        return dict(value) if isinstance(value, dict) else value


def _parse_value(name: str, text: str) -> object:
    """What was typed for a switch; left alone when it is none that can be typed."""
    kind = type(getattr(_NONE, name, ""))
    if kind is bool:
        return text == "on"
    return kind(text) if kind in {int, float} else text


def _dicts(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [
            asdict(one) if isinstance(one, MidtransResponseFault) else dict(one) for one in value
        ]
    raise ValueError("answers: a list is wanted")


SWITCHES = tuple(each.name for each in fields(MidtransFaults) if not each.name.startswith("_"))
_NONE = MidtransFaults()
