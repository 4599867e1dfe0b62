"""Settings of the API that tests and people change while it runs."""

from dataclasses import dataclass, field, fields
from typing import Any, get_args

from simulators.billing.faults import FAULT_NAMES
from simulators.billing.limits import LIMITERS, Advice

MAX_PAGE = 200
# of the list of students; every fault of a record works there too
LIST_FAULTS = ("list-empty", "list-half", "list-repeated", "list-duplicate", "list-cursor-410")
_CHOICES: dict[str, tuple[str, ...]] = {"limiter": tuple(LIMITERS), "advice": get_args(Advice)}


@dataclass
class Switches:
    """All settings; `set` checks names and values, tests may also assign."""

    faults: dict[str, float] = field(default_factory=dict)  # share of requests by name
    student_faults: dict[str, str] = field(default_factory=dict)  # fault by idperson
    fault_attempts: int = 0  # only the first n requests of each student fail; 0 for all
    page_faults: list[str] = field(default_factory=list)  # of the next pages of the list
    latency_seconds: float = 0.0  # before every response
    latency_spread: float = 0.0  # share by which latency differs between students, 0 to 1
    max_page: int = MAX_PAGE  # larger pages are cut to it without notice
    token_seconds: float = 300.0  # lifetime of tokens and sessions that are issued from now on
    rate: float = 0.0  # requests per second; 0 for no limit
    limiter: str = "bucket"
    advice: str = "seconds"  # what a refused client is told
    least_wait_seconds: float = 0.0  # a refused client waits at least this long
    daily_quota: int = 0  # requests until 403 with a quota text; 0 for no quota
    clock_offset_seconds: float = 0.0  # the server's clock differs from ours
    has_generated_at: bool = False  # every record carries the time of its response

    def set(self, **switches: object) -> None:
        """Set the given switches; ValueError for an unknown name or a wrong value."""
        checked = {name: self._checked(name, value) for name, value in switches.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as a JSON object."""
        return {each.name: getattr(self, each.name) for each in fields(Switches)}

    def _checked(self, name: str, value: object) -> object:
        known = {each.name for each in fields(Switches)}
        if name not in known:
            raise ValueError(f"unknown switch {name!r}; use one of {', '.join(sorted(known))}")
        kind = type(getattr(Switches(), name))
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{name}: {value!r} is not a {kind.__name__}")
        if isinstance(value, (int, float)) and value < 0 and name != "clock_offset_seconds":
            raise ValueError(f"{name}: {value!r} is negative")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"{name}: unknown {value!r}; use one of {', '.join(_CHOICES[name])}")
        _check_faults(name, value)
        return value


def _check_faults(name: str, value: object) -> None:
    """Raise ValueError for unknown faults and shares outside 0 to 1."""
    if isinstance(value, list):
        used, known = value, (*FAULT_NAMES, *LIST_FAULTS)
    elif isinstance(value, dict):
        used, known = list(value if name == "faults" else value.values()), FAULT_NAMES
    else:
        return
    for fault in used:
        if fault not in known:
            raise ValueError(f"{name}: unknown fault {fault!r}; use one of {', '.join(known)}")
    if name == "faults" and isinstance(value, dict):
        for fault, share in value.items():
            if (
                isinstance(share, bool)
                or not isinstance(share, (int, float))
                or not 0 <= share <= 1
            ):
                raise ValueError(f"faults: {fault}: {share!r} is not a share between 0 and 1")
