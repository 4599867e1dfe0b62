"""`ticketing …` and `python -m ticketing …`: the outermost door, where errors become words."""

import sys

import typer

from ticketing.app.cli import app
from ticketing.platform.kernel.errors import Refused, TicketingError

EXIT_FAILED, EXIT_USAGE = 1, 2


def main() -> None:
    """Run a command; 0 nothing failed, 1 something did, 2 the asking was wrong."""
    try:
        app()  # exits by itself, with 2 on bad usage
    except TicketingError as error:
        typer.echo(f"ticketing: {error}", err=True)
        sys.exit(EXIT_USAGE if isinstance(error, Refused) else EXIT_FAILED)


if __name__ == "__main__":
    main()
