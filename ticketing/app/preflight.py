"""The preflight list of an event: the event's own items, and those of the machine."""

from collections.abc import Iterator
from datetime import datetime

from ticketing.app.doctor import run_checks
from ticketing.app.findings import DoctorFinding, DoctorStatus
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_checker import TemplateChecker
from ticketing.events.model import Event
from ticketing.monitoring.preflight.checks import list_event_items
from ticketing.monitoring.preflight.item import PreflightItem, Severity
from ticketing.platform.application import Application

_SEVERITIES = {
    DoctorStatus.OK: Severity.OK,
    DoctorStatus.WARNING: Severity.WARNING,
    DoctorStatus.FAILED: Severity.BLOCKING,
}
# signing keys and API keys do not expire, so nothing is said about them
_NOT_RECORDED = {
    "expiry of TLS certificates and of providers' tokens": "look where they were issued",
}


def list_items(application: Application, event: Event, *, at: datetime) -> Iterator[PreflightItem]:
    """Yield all items: of the event, of the machine, and what is not recorded."""
    yield from list_event_items(
        application.database,
        event,
        renderer=application.get(Renderer),
        templates=application.get(TemplateChecker),
        at=at,
    )
    yield from map(_from_doctor, run_checks(application))
    for subject, command in _NOT_RECORDED.items():
        yield PreflightItem(subject, Severity.NOT_RECORDED, 0, (), command)


def _from_doctor(finding: DoctorFinding) -> PreflightItem:
    is_problem = finding.status is not DoctorStatus.OK
    return PreflightItem(
        finding.subject, _SEVERITIES[finding.status], int(is_problem), (finding.detail,),
        finding.hint,
    )  # fmt: skip
