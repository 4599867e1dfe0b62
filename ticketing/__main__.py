"""The command `ticketing`, also as `python -m ticketing`: errors become one line."""

import sys

import typer

from ticketing.app.cli import app
from ticketing.platform.kernel.errors import Refused, TicketingError

EXIT_FAILED, EXIT_USAGE = 1, 2


def main() -> None:
    """Run a command. Exit codes: 0 success, 1 at least one item failed, 2 usage error."""
    try:
        app()  # exits by itself, with 2 on bad usage
    except TicketingError as error:
        typer.echo(f"ticketing: {error}", err=True)
        sys.exit(EXIT_USAGE if isinstance(error, Refused) else EXIT_FAILED)


if __name__ == "__main__":
    main()
