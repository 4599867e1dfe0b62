"""Counters of requests: per second, per student, per status and after a moment."""

import time
from bisect import bisect_right
from collections import Counter

from simulators.http import Json

_SHOWN_STUDENTS = 100


class Counters:
    """Counters since the start or the last reset; written by one thread."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.reset()

    def reset(self) -> None:
        """Set all counters to zero, also the attempts that faults are chosen by."""
        self.total = 0
        self.in_progress = self.most_in_progress = 0
        self._times: list[float] = []
        self._students: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._faults: Counter[str] = Counter()

    def count_request(self) -> None:
        """Count a request that arrives now."""
        self.total += 1
        self._times.append(time.time())
        self.in_progress += 1
        self.most_in_progress = max(self.most_in_progress, self.in_progress)

    def count_end(self) -> None:
        """Count a response that was sent."""
        self.in_progress = max(self.in_progress - 1, 0)

    def count_attempt(self, idperson: str) -> int:
        """Count a request for a student's record and return its number, from 1."""
        self._students[idperson] += 1
        return self._students[idperson]

    def count_fault(self, name: str) -> None:
        """Count a fault."""
        self._faults[name] += 1

    def count_status(self, status: int) -> None:
        """Count the status of a response; 0 for none."""
        self._statuses[status] += 1

    def attempts(self, idperson: str) -> int:
        """Return the requests for a student's record."""
        return self._students[idperson]

    def to_json(self, after: float = 0) -> Json:
        """Return all counters; `after` is a moment in seconds since 1970.

        `per_student` has the students with most requests.
        """
        seconds = Counter(map(int, self._times))
        return {
            "total": self.total,
            "after": len(self._times) - bisect_right(self._times, after),
            "last": self._times[-1] if self._times else None,
            "per_second": {str(at): count for at, count in sorted(seconds.items())},
            "most_per_second": max(seconds.values(), default=0),
            "most_in_progress": self.most_in_progress,
            "students": len(self._students),
            "most_per_student": max(self._students.values(), default=0),
            "per_student": dict(self._students.most_common(_SHOWN_STUDENTS)),
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "faults": dict(self._faults),
        }
