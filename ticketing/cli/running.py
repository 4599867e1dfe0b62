"""`ticketing up`: everything a person needs in one terminal, and nothing left after Ctrl-C."""

from typing import Annotated

import typer

from ticketing.cli.console import office, screen


def up(
    *,
    port: Annotated[int, typer.Option(help="Dagster's page; the next free one if taken.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Dagster's page has no login: leave it on this machine.")
    ] = "127.0.0.1",
) -> None:
    """Start PostgreSQL, Dagster's page and daemon.

    Ctrl-C stops all of them.
    """
    import sys

    from ticketing.office import ensure_dagster_database, prepare_dagster_home
    from ticketing.settings import CHECKOUT
    from ticketing.supervisor import free_port, supervise

    with office() as opened:
        ensure_dagster_database(opened)
        environment = prepare_dagster_home(opened)
        chosen = free_port(port)
        # it warns of `dg dev`, which wants a project layout of its own and takes no workspace
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "dagster",
            "dev",
            "-w",
            str(CHECKOUT / "workspace.yaml"),
        ]
        command += ["-h", host, "-p", str(chosen)]
        screen().print(
            f"\n  Dagster   http://127.0.0.1:{chosen}\n"
            f"  rosters   {opened.settings.inbox}/<event>/*.csv are imported when dropped there\n"
            f"  tickets   {opened.settings.documents}\n"
            f"  stop      Ctrl-C\n"
        )
        code = supervise(command, environment, cwd=CHECKOUT)
    sys.exit(code)


COMMANDS = (up,)
