"""Random faults at a given rate, reproducible by seed."""

import random
from collections import Counter
from threading import Lock

from simulators.midtrans.faults import MidtransResponseFault

NOTIFICATION_FAULTS = ("lost", "doubled", "late", "forged")
_LONGEST_DELAY_SECONDS = 3.0
_RESPONSE_FAULTS = (
    MidtransResponseFault("error", status=500),
    MidtransResponseFault("error", status=503),
    MidtransResponseFault("error", status=429),
    MidtransResponseFault("html", status=502),
    MidtransResponseFault("html", status=200),
    MidtransResponseFault("hang-up"),
    MidtransResponseFault("act-then-hang-up"),
    MidtransResponseFault("slow", seconds=1),
)


class Noise:
    """Random faults by subject and occurrence, independent of the order of threads."""

    def __init__(self, seed: int) -> None:
        """Store the seed; equal seeds produce equal faults."""
        self._seed = seed
        self._seen: Counter[str] = Counter()
        self._lock = Lock()

    def on_notification(self, about: str, share: float) -> tuple[str, float]:
        """Return the fault of a notification ("" for none) and its delay in seconds."""
        draw = self._draw(f"notification {about}")
        if draw.random() >= share:
            return "", 0.0
        noise = draw.choice(NOTIFICATION_FAULTS)
        return noise, draw.uniform(0, _LONGEST_DELAY_SECONDS) if noise == "late" else 0.0

    def on_answer(self, about: str, share: float) -> MidtransResponseFault | None:
        """Return the fault of a call, if any."""
        draw = self._draw(f"answer {about}")
        return draw.choice(_RESPONSE_FAULTS) if draw.random() < share else None

    def jitter(self, about: str) -> float:
        """Return a number from 0 to 1."""
        return self._draw(f"jitter {about}").random()

    def _draw(self, about: str) -> random.Random:
        with self._lock:
            self._seen[about] += 1
            number = self._seen[about]
        return random.Random(f"{self._seed} {about} {number}")  # noqa: S311 - no secret
