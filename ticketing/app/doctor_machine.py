"""Checks of the machine, which need no database."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ticketing.app.data_folder import list_exposed
from ticketing.app.doctor_installation import check_interrupted_restore, check_secret
from ticketing.app.doctor_web import check_public_address
from ticketing.app.findings import DoctorFinding, DoctorStatus, failed, ok, run_check, warning
from ticketing.platform.paths import base_folder
from ticketing.platform.settings import MIB, Settings


def run_machine_checks(settings: Settings) -> Iterator[DoctorFinding]:
    """Run the checks that need no database."""
    for check in (
        _fonts, _engine, _stamping, _folders, _permissions, _disk, check_secret,
        check_interrupted_restore, check_public_address,
    ):  # fmt: skip
        yield from run_check(check, settings)


def _fonts(_: Settings) -> Iterator[DoctorFinding]:
    from ticketing.documents.fonts import font_problems

    yield from _problem_findings("fonts", font_problems(), "all scripts of names can be drawn")


def _engine(_: Settings) -> Iterator[DoctorFinding]:
    from ticketing.documents.weasyprint_engine import engine_problems

    yield from _problem_findings(
        "PDF engine", engine_problems(), "Pango and libharfbuzz-subset0 are installed"
    )


def _stamping(_: Settings) -> Iterator[DoctorFinding]:
    from ticketing.documents.renderer import stamping_problem

    problem = stamping_problem()
    if problem is None:
        yield ok("stamping", "tickets are stamped, which takes less than a millisecond")
        return
    yield warning(
        "stamping",
        f"off, tickets are rendered in full, which takes hundreds of times longer: {problem}",
        "install the versions of `requirements.lock`, WeasyPrint and pydyf among them",
    )


def _problem_findings(subject: str, problems: list[str], ok_text: str) -> Iterator[DoctorFinding]:
    if not problems:
        yield ok(subject, ok_text)
    for problem in problems:
        yield failed(subject, problem, "`make setup` installs it or prints the command")


def _folders(settings: Settings) -> Iterator[DoctorFinding]:
    for subject, folder in (("documents", settings.documents), ("inbox", settings.inbox)):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            yield ok(subject, f"{folder} is writable")
        else:
            yield failed(subject, f"{folder} is not writable", f"chown {folder}")


def _permissions(settings: Settings) -> Iterator[DoctorFinding]:
    """Report what other users of the machine can read, where this project does not change it."""
    kept = (
        settings.data_path, settings.documents, settings.inbox, settings.uploads,
        settings.mail_folder, settings.log_file, base_folder() / ".env",
    )  # fmt: skip
    exposed = [*list_exposed(kept)]
    for path in exposed:
        detail = f"{path} can be read by every user of this machine"
        yield warning("permissions", detail, f"chmod o-rwx {path}")
    if not exposed:
        yield ok("permissions", "other users cannot read the data, the logs and `.env`")


def _disk(settings: Settings) -> Iterator[DoctorFinding]:
    free = shutil.disk_usage(_nearest_existing_folder(settings.documents)).free
    needed = settings.min_free_disk
    detail = f"{free // MIB:,} MiB free, rendering stops below {needed // MIB:,}"
    status = (
        DoctorStatus.FAILED
        if free < needed
        else DoctorStatus.WARNING
        if free < 4 * needed
        else DoctorStatus.OK
    )
    hint = "" if status is DoctorStatus.OK else "make room, or `ticketing tickets clean-up`"
    yield DoctorFinding("disk", status, detail, hint)


def _nearest_existing_folder(folder: Path) -> Path:
    return next(step for step in (folder, *folder.parents) if step.exists())
