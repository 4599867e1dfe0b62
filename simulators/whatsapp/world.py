"""State shared by the gateways: messages, recipients and conversations."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Condition
from typing import Protocol

from simulators.timeline import Timeline
from simulators.whatsapp.faults import WhatsAppFaults
from simulators.whatsapp.limits import SendingLimiter
from simulators.whatsapp.message import DeliveryStep, Draft, SimulatedMessage

NOT_ON_WHATSAPP, WINDOW_CLOSED = 131026, 131047
_WINDOW = timedelta(hours=24)


class StatusReporter(Protocol):
    """Interface for reporting delivery states by one gateway."""

    def report(self, message: SimulatedMessage, step: DeliveryStep) -> None:
        """Report a delivery state."""


class WhatsAppState:
    """All messages and recipients, guarded by one lock."""

    def __init__(
        self,
        faults: WhatsAppFaults,
        limits: SendingLimiter,
        timeline: Timeline,
        *,
        clock: Callable[[], datetime],
        step_seconds: float,
    ) -> None:
        """Start empty; delivery states follow each other after `step_seconds`."""
        self.faults = faults
        self.clock = clock
        self._limits = limits
        self._timeline = timeline
        self._step_seconds = step_seconds
        self._messages: list[SimulatedMessage] = []
        self._wrote: dict[str, datetime] = {}
        self._changed = Condition()

    def rejection_code(self, draft: Draft) -> int | None:
        """Return the code with which a message is rejected immediately; None accepts it."""
        code = self.faults.refused.get(draft.to)
        if draft.gateway != "cloud":
            return code
        if code := code or self.faults.number_refused:
            return code
        with self._changed:
            unasked = not self._window_is_open(draft.to)
            return self._limits.exceeded_limit(
                draft.to, self.clock().timestamp(), is_business_initiated=unasked
            )

    def accept(
        self, draft: Draft, message_id: Callable[[SimulatedMessage], str]
    ) -> SimulatedMessage:
        """Accept a message and plan its delivery states."""
        with self._changed:
            message = SimulatedMessage(len(self._messages) + 1, "", draft, self.clock())
            message.id = message_id(message)
            message.code = self._failure(draft)
            message.steps = self._planned_steps(message)
            self._messages.append(message)
            self._changed.notify_all()
        return message

    def start_delivery(self, message: SimulatedMessage, reporter: StatusReporter) -> None:
        """Schedule the delivery states of a message."""
        reported = message.steps[::-1] if self.faults.disorder else message.steps
        for place, (step, report) in enumerate(zip(message.steps, reported, strict=True), 1):
            action = partial(
                self._advance, message, step, partial(reporter.report, message, report)
            )
            self._timeline.schedule(place * self._step_seconds, message.key, action)

    def receive_inbound(self, sender: str) -> None:
        """Record a message to the business, which opens the 24-hour service window."""
        with self._changed:
            self._wrote[sender] = self.clock()

    def has_whatsapp(self, number: str) -> bool:
        """Return whether a number has WhatsApp."""
        known = (self.faults.refused.get(number), self.faults.failing.get(number))
        return NOT_ON_WHATSAPP not in known

    def messages(
        self, to: str = "", *, at_least: int = 0, within_seconds: float = 60
    ) -> list[SimulatedMessage]:
        """Return accepted messages, waiting for `at_least`; TimeoutError if fewer arrive."""

        def found() -> list[SimulatedMessage]:
            return [each for each in self._messages if to in {"", each.draft.to}]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= at_least, within_seconds):
                raise TimeoutError(f"{len(found())} messages, not {at_least}")
            return found()

    def _advance(
        self, message: SimulatedMessage, step: DeliveryStep, report: Callable[[], None]
    ) -> None:
        with self._changed:
            message.step = step
            self._changed.notify_all()
        if not self.faults.silent:
            report()

    def _failure(self, draft: Draft) -> int | None:
        if code := self.faults.failing.get(draft.to):
            return code
        if draft.gateway == "cloud" and self.faults.number_failing:
            return self.faults.number_failing
        free = draft.gateway == "cloud" and draft.kind != "template"
        return WINDOW_CLOSED if free and not self._window_is_open(draft.to) else None

    def _window_is_open(self, to: str) -> bool:
        wrote = self._wrote.get(to)
        return wrote is not None and self.clock() - wrote < _WINDOW

    def _planned_steps(self, message: SimulatedMessage) -> list[DeliveryStep]:
        if message.code is not None:
            return ["failed"] if message.draft.gateway == "cloud" else ["sent", "failed"]
        steps: list[DeliveryStep] = ["sent"]
        if not self.faults.delivered_missing:
            steps.append("delivered")
        if not self.faults.unread:
            steps.append("read")
        return steps
