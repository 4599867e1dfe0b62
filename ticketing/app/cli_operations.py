"""`ticketing doctor`, `migrate`, `run` for programs that use the database, and `demo`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, get_loader, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, print_result, stdout_console

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketing.app.findings import DoctorFinding


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Also compare the schema with the migrations.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Upgrade the database schema."""
    from ticketing.app.dagster_home import ensure_dagster_database
    from ticketing.platform.db import migrate as service

    with open_application(migrated=False) as application:
        service.upgrade(application.database)
        ensure_dagster_database(application)
        if check:
            service.check(application.database)
    print_result({"current": True}, "The database has the newest schema.", as_json=as_json)


def run(
    command: Annotated[
        list[str],
        typer.Argument(help="After --: the program and its arguments.", metavar="PROGRAM..."),
    ],
) -> None:
    """Run another program with the database started.

    For example: ticketing run -- sh -c 'psql "$DATABASE_URL"'

    Its environment has DATABASE_URL, DAGSTER_POSTGRES_URL and DAGSTER_HOME.
    """
    import os
    import subprocess

    from ticketing.app.dagster_home import prepare_dagster_home
    from ticketing.platform.kernel.errors import Misconfigured

    try:
        with open_application() as application:
            environment = prepare_dagster_home(application)
            if application.server is not None:
                done = subprocess.run(command, check=False, env=environment)  # noqa: S603 - given by the caller
                raise typer.Exit(done.returncode)
        # in this process, so that signals of systemd and Docker reach the program
        os.execvpe(command[0], command, environment)  # noqa: S606 - given by the caller
    except (FileNotFoundError, PermissionError) as error:
        raise Misconfigured(f"{command[0]} cannot be run: {error.strerror}") from error


def doctor(*, as_json: JsonOption = False) -> None:
    """Check whether this machine is ready.

    Names what is missing and how to correct it. Exit code 1 when something does not work.
    """
    from ticketing.app.findings import DoctorStatus

    findings = _examine()
    if as_json:
        print_json(findings)
    else:
        print_findings(findings)
    raise typer.Exit(1 if any(one.status is DoctorStatus.FAILED for one in findings) else 0)


def _examine() -> "list[DoctorFinding]":
    """Return all findings; without a database those of the machine, and why there is none."""
    from ticketing.app.doctor import run_checks
    from ticketing.app.doctor_machine import run_machine_checks
    from ticketing.app.findings import failed
    from ticketing.platform.kernel.errors import TicketingError

    settings = get_loader().settings()
    try:
        with open_application(migrated=False) as application:
            return list(run_checks(application))
    except (TicketingError, OSError) as error:
        hint = "correct it, or set DATABASE_URL to a PostgreSQL 14 or newer"
        return [failed("database", str(error), hint), *run_machine_checks(settings)]


def print_findings(findings: "Iterable[DoctorFinding]") -> None:
    """Print the results of checks, each with what to do about a problem."""
    from rich.markup import escape

    from ticketing.app.findings import DoctorStatus

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


demo = typer.Typer(no_args_is_help=True)


@demo.command("hotspot")
def seed_hotspot(*, as_json: JsonOption = False) -> None:
    """Sell packages of the simulated hotspot router of `ticketing up`.

    Running it again changes nothing. Refused when payments are real.
    """
    from ticketing.platform.kernel.errors import Misconfigured
    from ticketing.vouchers.demo_data import DEMO_PACKAGES, seed_demo_hotspot

    with open_application() as application:
        if application.settings.midtrans_environment != "simulator":
            raise Misconfigured(
                "demo packages need MIDTRANS_ENVIRONMENT=simulator: other gateways move money"
            )
        event = seed_demo_hotspot(application.database, at=now(), by=actor())
    print_result(
        {"event": event.slug, "packages": list(DEMO_PACKAGES)},
        f"{event.slug}: packages {', '.join(DEMO_PACKAGES)} are on sale (simulated).",
        f"Buy one at /events/{event.slug}. To end the sale: ticketing packages disable CODE",
        as_json=as_json,
    )


@demo.command("students")
def seed_students(
    *,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many become guests.")] = 500,
    as_json: JsonOption = False,
) -> None:
    """Give tickets to students of the simulated billing API of `ticketing up` who owe nothing.

    Creates an event with them as guests and starts a sync. Refused when payments are real.
    """
    from dataclasses import asdict

    from ticketing.app.demo_students import seed_demo_students
    from ticketing.billing.command_line.cli_actions import require_connector
    from ticketing.billing.sync.drive import BillingConnector
    from ticketing.platform.kernel.errors import Misconfigured

    with open_application() as application:
        if application.settings.midtrans_environment != "simulator":
            raise Misconfigured("demo students need MIDTRANS_ENVIRONMENT=simulator")
        connector = require_connector(application.find(BillingConnector))
        made = seed_demo_students(application, connector, count=count, at=now(), by=actor())
    print_result(
        asdict(made),
        f"{made.event}: {made.guests:,} students are guests; a sync of their payments is started.",
        f"Watch it: ticketing sync-payments. Then: ticketing generate-tickets --event {made.event}",
        as_json=as_json,
    )
