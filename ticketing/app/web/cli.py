"""`ticketing serve`."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import now, open_application
from ticketing.platform.cli.output import print_text


def serve(
    *,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Override WEB_PORT.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; put a proxy with TLS before it.")
    ] = "127.0.0.1",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no lines at the start.")] = False,
) -> None:
    """Start the web service: shop, ticket pages and HTTP API.

    Ctrl-C stops it. An interrupted batch is resumed by its id.
    """
    from ticketing.app.doctor_installation import register_host
    from ticketing.app.web.server import serve as run_server

    with open_application() as application:
        register_host(application, at=now())
        chosen = port or application.settings.web_port
        if not quiet:
            print_text(
                "",
                f"  web       http://{host}:{chosen}/docs",
                "  API keys  ticketing api-keys create NAME --role operator",
                "  stop      Ctrl-C",
                "",
            )
        run_server(application, host=host, port=chosen)
