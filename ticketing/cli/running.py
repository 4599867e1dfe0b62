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
    """Start PostgreSQL, Dagster, the web service.

    Ctrl-C stops all of them.
    """
    import sys

    from ticketing.office import prepare_dagster_home
    from ticketing.settings import CHECKOUT
    from ticketing.supervisor import Service, free_port, supervise

    with office() as opened:
        environment = prepare_dagster_home(opened)
        page, web = free_port(port), free_port(opened.settings.web_port)
        # it warns of `dg dev`, which wants a project layout of its own and takes no workspace
        dagster = [sys.executable, "-W", "ignore", "-m", "dagster", "dev"]
        dagster += ["-w", str(CHECKOUT / "workspace.yaml"), "-h", host, "-p", str(page)]
        serve = [sys.executable, "-m", "ticketing", "serve", "--quiet"]
        serve += ["--host", host, "--port", str(web)]
        logs = opened.settings.data_path.resolve() / "logs"
        screen().print(
            f"\n  Dagster   http://{host}:{page}, after some ten seconds\n"
            f"  web       http://{host}:{web}/docs, keys by `ticketing api-keys add`\n"
            f"  rosters   {opened.settings.inbox}/<event>/*.csv are imported when dropped there\n"
            f"  tickets   {opened.settings.documents}\n"
            f"  logs      {logs}\n"
            f"  stop      Ctrl-C\n"
        )
        services = [Service(dagster, logs / "dagster.log"), Service(serve, logs / "web.log")]
        code = supervise(services, environment, cwd=CHECKOUT)
    sys.exit(code)


COMMANDS = (up,)
