"""Faults of the mail server, set by tests or by hand while the simulator runs."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any, Literal, get_args

Stage = Literal["mail", "rcpt", "data", "content", "end", "accepted"]


@dataclass(slots=True)
class MailFault:
    """Fault for the next `times` mails to an address that contains `to`.

    "mail", "rcpt" and "data" replace the reply to that command; "content" cuts the connection
    while the mail is transferred; "end" discards the transferred mail; "accepted" stores the
    mail and loses or delays only the reply.
    """

    stage: Stage
    reply: str | None = None  # None aborts the connection; "" replies normally
    times: int = 1
    to: str = ""
    seconds: float = 0.0  # delay before the fault

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown stage."""
        if self.stage not in get_args(Stage):
            raise ValueError(f"unknown stage {self.stage!r}; use one of {get_args(Stage)}")


@dataclass(slots=True)
class MailFaults:
    """All faults that can be set."""

    meets: list[MailFault] = field(default_factory=list)
    mails_a_connection: int = 0  # further mails get 421; 0 means no limit
    one_by_one: bool = False  # no PIPELINING
    _lock: Lock = field(default_factory=Lock, repr=False)

    def set(
        self,
        *,
        meets: Iterable[Any] = (),
        mails_a_connection: int = 0,
        one_by_one: bool = False,
    ) -> None:
        """Replace all faults; ValueError or TypeError for an invalid fault."""
        faults = [
            MailFault(**(asdict(one) if isinstance(one, MailFault) else one)) for one in meets
        ]
        if mails_a_connection < 0:
            raise ValueError("mails_a_connection is negative")
        with self._lock:
            self.meets, self.mails_a_connection = faults, mails_a_connection
            self.one_by_one = one_by_one

    def take_fault(self, stage: Stage, recipients: Iterable[str]) -> MailFault | None:
        """Return the fault for a mail at a stage and decrease its count."""
        given = list(recipients)
        with self._lock:
            for fault in self.meets:
                concerns = not fault.to or any(fault.to in each for each in given)
                if fault.times and fault.stage == stage and concerns:
                    fault.times -= 1
                    return fault
        return None

    def to_dict(self) -> dict[str, object]:
        """Return all settings as a JSON object."""
        meets = [asdict(fault) for fault in self.meets]
        return {
            "meets": meets,
            "mails_a_connection": self.mails_a_connection,
            "one_by_one": self.one_by_one,
        }
