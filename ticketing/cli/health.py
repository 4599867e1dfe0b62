"""`ticketing doctor`: is this machine ready, and what to do if not."""

import sys

from ticketing.cli.console import JsonOption, open_application, print_json, screen


def doctor(*, as_json: JsonOption = False) -> None:
    """Is this machine ready, and what to do if not."""
    from dataclasses import asdict

    from ticketing.doctor import Health, examine

    with open_application(migrated=False) as application:
        findings = list(examine(application))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        colours = {Health.WELL: "green", Health.POOR: "yellow", Health.ILL: "red"}
        out = screen()
        for finding in findings:
            mark = f"[{colours[finding.health]}]{finding.health:<4}[/]"
            out.print(f"{mark} {finding.subject:<14} {finding.seen}")
            if finding.way_out:
                out.print(f"     {'':<14} -> {finding.way_out}")
    sys.exit(any(finding.health is Health.ILL for finding in findings))


COMMANDS = (doctor,)
