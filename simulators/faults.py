"""Faults that are set by name, by tests or by hand, while a simulator runs."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from threading import Lock
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class ResponseFault(Protocol):
    """Fault for the next `times` calls whose path contains `path`."""

    times: int
    path: str


F = TypeVar("F", bound=ResponseFault)


@dataclass
class Faults(Generic[F]):
    """All faults that can be set. Counters decrease with use; other values stay until changed."""

    response_fault: ClassVar[type[Any]]
    may_be_negative: ClassVar[frozenset[str]] = frozenset()

    answers: list[F] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(self, **switches: object) -> None:
        """Set the given faults; ValueError for an unknown name or a value of the wrong type."""
        checked = {name: self._checked(name, value) for name, value in switches.items()}
        with self._lock:
            for name, value in checked.items():
                setattr(self, name, value)

    def clear(self) -> None:
        """Reset all faults."""
        self.set(**{name: getattr(type(self)(), name) for name in self._names()})

    def take(self, count: str) -> bool:
        """Decrease a counter and return whether it was above zero."""
        with self._lock:
            left: int = getattr(self, count)
            if left:
                setattr(self, count, left - 1)
            return bool(left)

    def take_response_fault(self, path: str) -> F | None:
        """Return the fault for a call and decrease its count."""
        with self._lock:
            for fault in self.answers:
                if fault.times and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Return all settings as a JSON object."""
        plain = {name: getattr(self, name) for name in self._names()}
        return plain | {"answers": [asdict(fault) for fault in plain["answers"]]}

    def _names(self) -> list[str]:
        return [each.name for each in fields(self) if not each.name.startswith("_")]

    def _checked(self, name: str, value: object) -> object:
        if name not in self._names():
            raise ValueError(f"unknown fault {name!r}; use one of {', '.join(self._names())}")
        if name == "answers":
            return [self.response_fault(**given) for given in _dicts(value)]
        kind = type(getattr(type(self)(), name))
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{name}: {value!r} is not a {kind.__name__}")
        if isinstance(value, (int, float)) and value < 0 and name not in self.may_be_negative:
            raise ValueError(f"{name}: {value!r} is negative")
        return dict(value) if isinstance(value, dict) else value


def _dicts(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [
            asdict(one) if is_dataclass(one) and not isinstance(one, type) else dict(one)
            for one in value
        ]
    raise ValueError("answers: expected a list")
