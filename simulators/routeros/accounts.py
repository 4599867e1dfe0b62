"""API accounts and their login: plain since RouterOS 6.43, by challenge before."""

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
    """API user with the policies of its group."""

    name: str
    password: str = field(repr=False)
    policies: frozenset[str] = ALL_POLICIES

    def check(self, verb: str) -> None:
        """Raise Trap if the policies do not allow a verb."""
        if _REQUIRED_POLICIES.get(verb, "write") not in self.policies:
            raise Trap(NOT_PERMITTED)

    def redact(self, row: dict[str, str]) -> dict[str, str]:
        """Return a row without fields that need the `sensitive` policy."""
        if "sensitive" in self.policies:
            return row
        return {name: value for name, value in row.items() if name != "password"}


def challenge(number: int) -> bytes:
    """Return the 16-byte challenge for a number; deterministic across runs."""
    return sha256(number.to_bytes(8, "big")).digest()[:16]


def response(password: str, challenged: bytes) -> str:
    """Return the response to a challenge for a password."""
    digest = md5(b"\0" + password.encode("latin-1") + challenged, usedforsecurity=False)
    return "00" + digest.hexdigest()
