"""Messages given to the gateways and their delivery states."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Gateway = Literal["cloud", "waha", "fonnte"]
DeliveryStep = Literal["accepted", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """Metadata of an attachment."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Draft:
    """Message that a gateway was asked to send."""

    gateway: Gateway
    to: str  # digits
    kind: str  # text, document, image or template
    text: str  # as displayed
    template: str = ""
    parameters: tuple[str, ...] = ()
    file: AttachedFile | None = None
    reference: str = ""  # set by the business, returned in every report


@dataclass(slots=True)
class SimulatedMessage:
    """Accepted message."""

    number: int
    id: str
    draft: Draft
    at: datetime
    step: DeliveryStep = "accepted"
    code: int | None = None  # reason of failure
    steps: list[DeliveryStep] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Return the part of the message id that all gateways report."""
        return f"3EB0{self.number:016X}"
