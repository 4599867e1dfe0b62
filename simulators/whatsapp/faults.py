"""Faults of the gateways, set by tests or by hand while the simulator runs."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from simulators.faults import Faults

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


@dataclass
class WhatsAppFaults(Faults[WhatsAppResponseFault]):
    """Faults of the gateways."""

    response_fault = WhatsAppResponseFault

    duplicates: int = 0  # additional copies of each report
    disorder: bool = False  # reports of a message arrive in reverse order
    delay_seconds: float = 0.0  # delay of every report
    lost: int = 0  # the next n reports are not sent
    forged: int = 0  # the next n reports have a wrong signature
    odd_items: int = 0  # the next n notifications of the Cloud API also have unreadable items
    silent: bool = False  # messages are delivered without reports
    unread: bool = False  # messages are never read
    delivered_missing: bool = False  # "read" comes without "delivered"
    banned: bool = False  # the sender's number is banned on every gateway
    quota_used_up: bool = False  # Fonnte's
    number_refused: int = 0  # code with which Meta refuses every message, such as 133010
    number_failing: int = 0  # code with which Meta reports every accepted message as failed
    unacknowledged: int = 0  # WAHA accepts the next n messages and sends them only when told to
    overlimit: bool = False  # WAHA: WhatsApp allows no more look-ups of numbers
    fonnte_reason: str = ""  # reason with which Fonnte refuses every message
    refused: dict[str, int] = field(default_factory=dict)  # number: code of the immediate rejection
    failing: dict[str, int] = field(default_factory=dict)  # number: code of the later report

    def _checked(self, name: str, value: object) -> object:
        checked = super()._checked(name, value)
        if isinstance(checked, dict):
            return {str(number): int(code) for number, code in checked.items()}
        return checked
