"""Who may use the API, and how they prove it: in the clear since 6.43, by a challenge before."""

from dataclasses import dataclass, field
from hashlib import md5, sha256

from simulators.routeros.refusals import NOT_PERMITTED, Trap

ALL_POLICIES = frozenset({"api", "read", "write", "policy", "reboot", "sensitive"})
_REQUIRED_POLICIES = {
    "print": "read",
    "getall": "read",
    "reboot": "reboot",
    "reset-configuration": "policy",
}


@dataclass(frozen=True, slots=True)
class ApiAccount:
    """A user of the router's own, with the policies of its group."""

    name: str
    password: str = field(repr=False)
    policies: frozenset[str] = ALL_POLICIES

    def check(self, verb: str) -> None:
        """Trap what the policies do not allow."""
        if _REQUIRED_POLICIES.get(verb, "write") not in self.policies:
            raise Trap(NOT_PERMITTED)

    def redact(self, row: dict[str, str]) -> dict[str, str]:
        """A row without what only a sensitive account may read."""
        if "sensitive" in self.policies:
            return row
        return {name: value for name, value in row.items() if name != "password"}


def challenge(number: int) -> bytes:
    """Sixteen bytes, others for every number and the same in every run."""
    return sha256(number.to_bytes(8, "big")).digest()[:16]


def response(password: str, challenged: bytes) -> str:
    """What a client that knows the password answers."""
    digest = md5(b"\0" + password.encode("latin-1") + challenged, usedforsecurity=False)
    return "00" + digest.hexdigest()
