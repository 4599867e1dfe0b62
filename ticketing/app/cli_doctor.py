"""`ticketing doctor`: is this machine ready, and what to do if not."""

import sys

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, stdout_console


def doctor(*, as_json: JsonOption = False) -> None:
    """Is this machine ready, and what to do if not."""
    from dataclasses import asdict

    from ticketing.app.doctor import DoctorStatus, run_checks

    with open_application(migrated=False) as application:
        findings = list(run_checks(application))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        colours = {
            DoctorStatus.OK: "green",
            DoctorStatus.WARNING: "yellow",
            DoctorStatus.FAILED: "red",
        }
        out = stdout_console()
        for finding in findings:
            mark = f"[{colours[finding.health]}]{finding.health:<4}[/]"
            out.print(f"{mark} {finding.subject:<14} {finding.seen}")
            if finding.way_out:
                out.print(f"     {'':<14} -> {finding.way_out}")
    sys.exit(any(finding.health is DoctorStatus.FAILED for finding in findings))


COMMANDS = (doctor,)
