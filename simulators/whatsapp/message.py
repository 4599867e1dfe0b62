"""A message somebody gave to WhatsApp, and the steps it takes from there."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Gateway = Literal["cloud", "waha", "fonnte"]
DeliveryStep = Literal["accepted", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """What was attached."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a gateway was asked to send."""

    gateway: Gateway
    to: str  # digits
    kind: str  # text, document, image or template
    text: str  # as it is read
    template: str = ""
    parameters: tuple[str, ...] = ()
    file: AttachedFile | None = None
    reference: str = ""  # the business' own, handed back with every report


@dataclass(slots=True)
class SimulatedMessage:
    """A draft that was accepted."""

    number: int
    id: str
    draft: Draft
    at: datetime
    step: DeliveryStep = "accepted"
    code: int | None = None  # why it failed
    steps: list[DeliveryStep] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The part of its name that no gateway leaves out."""
        return f"3EB0{self.number:016X}"
