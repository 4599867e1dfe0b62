"""What is to go wrong: switches, set by tests and by hand while the simulator runs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any, Literal, get_args

Stage = Literal["mail", "rcpt", "data", "content", "end", "accepted"]


@dataclass(slots=True)
class MailFault:
    """The next `times` mails to an address that contains `to` meet this.

    At "mail", "rcpt" and "data" these commands are answered so; at "content" the connection is cut
    while the mail arrives; at "end" it has arrived and is not kept; at "accepted" it is kept, and
    only its answer is lost or late.
    """

    stage: Stage
    reply: str | None = None  # None cuts the connection; "" answers as usual
    times: int = 1
    to: str = ""
    seconds: float = 0.0  # waited before

    def __post_init__(self) -> None:
        """Refuse a stage there is not."""
        if self.stage not in get_args(Stage):
            raise ValueError(f"no stage {self.stage!r}; there are {get_args(Stage)}")


@dataclass(slots=True)
class MailFaults:
    """All switches."""

    meets: list[MailFault] = field(default_factory=list)
    mails_a_connection: int = 0  # after so many comes 421; 0 is no limit
    one_by_one: bool = False  # commands may not be sent before the last one was answered
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(
        self,
        *,
        meets: Iterable[Any] = (),
        mails_a_connection: int = 0,
        one_by_one: bool = False,
    ) -> None:
        """Set all; ValueError or TypeError for what is no fault."""
        faults = [
            MailFault(**(asdict(one) if isinstance(one, MailFault) else one)) for one in meets
        ]
        if mails_a_connection < 0:
            raise ValueError("mails_a_connection: less than nothing")
        with self._lock:
            self.meets, self.mails_a_connection = faults, mails_a_connection
            self.one_by_one = one_by_one

    def take_fault(self, stage: Stage, recipients: Iterable[str]) -> MailFault | None:
        """The fault a mail meets, counted down."""
        given = list(recipients)
        with self._lock:
            for fault in self.meets:
                concerns = not fault.to or any(fault.to in each for each in given)
                if fault.times and fault.stage == stage and concerns:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Every switch and where it stands."""
        meets = [asdict(fault) for fault in self.meets]
        return {
            "meets": meets,
            "mails_a_connection": self.mails_a_connection,
            "one_by_one": self.one_by_one,
        }
