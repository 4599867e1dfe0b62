"""Messages of people to the business, and the ways in which gateways hide who wrote them."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InboundText:
    """A text from a person: in private, or in a group that the business is a member of."""

    sender: str  # digits
    text: str = "Halo"
    hidden: bool = False  # the number is replaced by an id that only the gateway understands
    named_elsewhere: bool = False  # WAHA: the number is in the engine's own part of the event
    group: str = ""  # digits of the group's id
    answers: str = ""  # key or id of the message that is quoted

    @property
    def hidden_id(self) -> str:
        """Return digits that stand for the number and look like one."""
        return str(10**14 + int.from_bytes(hashlib.sha256(self.sender.encode()).digest()[:5]))

    @property
    def chat(self) -> str:
        """Return the private chat as WAHA and Fonnte name it."""
        return f"{self.hidden_id}@lid" if self.hidden else f"{self.sender}@c.us"
