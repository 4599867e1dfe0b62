"""Numbered changes of records, of which old ones can be purged."""

from typing import Literal

from simulators.http import Json

ChangeKind = Literal["insert", "update", "delete"]


class ChangeLog:
    """Changes since the start; version 1 is the state at the start."""

    def __init__(self) -> None:
        """Begin without a change."""
        self.version = 1
        self._first_known = 0  # changes after this version are known
        self._changes: list[tuple[int, str, ChangeKind]] = []

    def add(self, idperson: str, kind: ChangeKind) -> None:
        """Record a change under the next version."""
        self.version += 1
        self._changes.append((self.version, idperson, kind))

    def purge(self) -> None:
        """Forget all changes: older versions cannot be continued from."""
        self._first_known = self.version
        self._changes.clear()

    def since(self, version: int) -> list[Json] | None:
        """Return the changes after a version, oldest first; None if some were purged.

        A version of the future is one from before a restart, which forgets all changes.
        """
        if not self._first_known <= version <= self.version:
            return None
        return [
            {"version": number, "idperson": idperson, "kind": kind}
            for number, idperson, kind in self._changes
            if number > version
        ]
