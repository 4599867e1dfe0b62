"""What is to go wrong: switches, set while the simulator runs."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, get_args

Kind = Literal[
    "drop",  # the connection ends; nothing was done
    "act-then-drop",  # it was done; the connection ends without an answer
    "cut",  # it was done; half of the answer comes, then the end
    "silence",  # nothing is done, and nothing is ever answered on the connection any more
    "act-then-silence",  # it was done; and then the same
    "slow",  # it is done `seconds` later than usual
    "trap",  # refused with `message`
    "bare-trap",  # refused without any message
    "fatal",  # `message` as a bare word, and the end
    "reboot",  # it was done; then the router restarts, and is back after `seconds`
]


@dataclass(slots=True)
class RouterFault:
    """What the next `times` commands whose word contains `command` meet, after `skip` of them."""

    kind: Kind
    command: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.2
    message: str = "failure: out of memory"

    def __post_init__(self) -> None:
        """Refuse a kind there is not."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault {self.kind!r}; there are {get_args(Kind)}")


@dataclass(slots=True)
class RouterFaults:
    """All switches, as they stand."""

    command_seconds: float = 0.0  # the router works on each command so long, one after the other
    row_seconds: float = 0.0  # and so long on every row of the menu it works on
    distance_seconds: float = 0.0  # the way there and back; many commands travel at once
    lenient_login: bool = False  # a bare /login gets a challenge, whatever the version
    interleaved: bool = False  # answers come mixed: each command's replies one by one
    _next: list[RouterFault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, *faults: RouterFault) -> None:
        """Let these happen, first come first served."""
        with self._lock:
            self._next.extend(faults)

    def clear(self) -> None:
        """No more faults wait; the speeds stay."""
        with self._lock:
            self._next.clear()

    def take_fault(self, word: str) -> RouterFault | None:
        """The fault that a command meets, counted down."""
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
