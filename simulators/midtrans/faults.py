"""Faults of the gateway, set by tests or by hand while the simulator runs."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from simulators.faults import Faults

Kind = Literal["error", "html", "slow", "hang-up", "act-then-hang-up"]


@dataclass(slots=True)
class MidtransResponseFault:
    """Fault for the next `times` calls whose path contains `path`."""

    kind: Kind
    times: int = 1
    path: str = ""
    status: int = 503  # for "error" and "html"
    seconds: float = 30  # for "slow", which then responds normally
    retry_after: int = 0  # seconds in the header of "error"; 0 sends none

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown response fault {self.kind!r}; use one of {get_args(Kind)}")


@dataclass
class MidtransFaults(Faults[MidtransResponseFault]):
    """Faults of Midtrans."""

    response_fault = MidtransResponseFault
    may_be_negative = frozenset({"amount_off"})

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
    answer_seconds: float = 0.0  # delay of every status answer: the gateway is far away
    hanging_every: int = 0  # each status answer of this number hangs instead; 0 for none
    hanging_seconds: float = 20.0  # then it is given
    refunds_denied: int = 0  # the next n refunds are denied
    # payments that are named by transaction are unknown by their order id
    only_transaction_ids: bool = False
    errors_with_http_200: bool = False  # Core API errors appear only in the body
    noise: float = 0.0  # rate of random faults in notifications and responses

    def set_from_form(self, texts: dict[str, str]) -> None:
        """Set faults from form fields; ValueError as for `set`."""
        self.set(**{name: self._parse_value(name, text) for name, text in texts.items()})

    def _parse_value(self, name: str, text: str) -> object:
        """Return the typed value converted to the fault's type; unknown types stay text."""
        kind = type(getattr(MidtransFaults(), name, ""))
        if kind is bool:
            return text == "on"
        return kind(text) if kind in {int, float} else text

    def _checked(self, name: str, value: object) -> object:
        checked = super()._checked(name, value)
        if name == "noise" and float(str(value)) > 1:
            raise ValueError(f"noise: {value!r} is above 1")
        return checked
