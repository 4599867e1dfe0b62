"""`ticketing doctor`: whether this machine is ready, and what to do if not."""

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, stdout_console


def doctor(*, as_json: JsonOption = False) -> None:
    """Check whether this machine is ready.

    Names what is missing and how to correct it. Exit code 1 when something does not work.
    """
    from rich.markup import escape

    from ticketing.app.doctor import DoctorStatus, run_checks

    with open_application(migrated=False) as application:
        findings = list(run_checks(application))
    if as_json:
        print_json(findings)
    else:
        colours = {
            DoctorStatus.OK: "green",
            DoctorStatus.WARNING: "yellow",
            DoctorStatus.FAILED: "red",
        }
        out = stdout_console()
        for finding in findings:
            mark = f"[{colours[finding.status]}]{finding.status:<4}[/]"
            out.print(f"{mark} {finding.subject:<14} {escape(finding.detail)}")
            if finding.hint:
                out.print(f"     {'':<14} -> {escape(finding.hint)}")
    raise typer.Exit(1 if any(one.status is DoctorStatus.FAILED for one in findings) else 0)
