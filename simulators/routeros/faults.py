"""Faults of the router, set while the simulator runs."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, get_args

Kind = Literal[
    "drop",  # closes the connection without executing the command
    "act-then-drop",  # executes the command, closes the connection without a reply
    "cut",  # executes the command, sends half of the reply, closes the connection
    "silence",  # executes nothing and sends nothing more on the connection
    "act-then-silence",  # executes the command, then sends nothing more
    "slow",  # executes the command `seconds` later
    "trap",  # rejects the command with `message`
    "bare-trap",  # rejects the command without a message
    "fatal",  # sends `message` as a bare word and closes the connection
    "reboot",  # executes the command and restarts; available again after `seconds`
]


@dataclass(slots=True)
class RouterFault:
    """Fault for the next `times` commands that contain `command`, after skipping `skip` of them."""

    kind: Kind
    command: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.2
    message: str = "failure: out of memory"

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown fault {self.kind!r}; use one of {get_args(Kind)}")


@dataclass(slots=True)
class RouterFaults:
    """All faults and delays that can be set."""

    command_seconds: float = 0.0  # processing time per command, sequential
    row_seconds: float = 0.0  # additional time per row of the menu
    distance_seconds: float = 0.0  # network round trip; commands may overlap
    lenient_login: bool = False  # a bare /login gets a challenge in every version
    interleaved: bool = False  # replies of concurrent commands are interleaved
    _next: list[RouterFault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, *faults: RouterFault) -> None:
        """Add faults; they apply in order."""
        with self._lock:
            self._next.extend(faults)

    def clear(self) -> None:
        """Remove all pending faults; delays stay."""
        with self._lock:
            self._next.clear()

    def take_fault(self, word: str) -> RouterFault | None:
        """Return the fault for a command and decrease its count."""
        with self._lock:
            for fault in self._next:
                if not fault.times or fault.command not in word:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None
