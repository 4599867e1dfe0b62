"""The command `ticketing`, also as `python -m ticketing`: errors become one line."""

from ticketing.platform.cli.interrupts import exit_on_interrupt

exit_on_interrupt()  # before the imports, which take most of the first second

# ruff: noqa: E402
import sys

import typer

from ticketing.app.cli import app
from ticketing.app.data_folder import restrict_new_files
from ticketing.platform.kernel.errors import Refused, TicketingError

EXIT_FAILED, EXIT_USAGE = 1, 2


def main() -> None:
    """Run a command. Exit codes: 0 success, 1 an item failed, 2 usage error, 130 Ctrl-C."""
    restrict_new_files()
    try:
        app()  # exits by itself, with 2 on bad usage
    except TicketingError as error:
        typer.echo(f"ticketing: {error}", err=True)
        sys.exit(EXIT_USAGE if isinstance(error, Refused) else EXIT_FAILED)
    finally:
        exit_on_interrupt()  # the interpreter's own end has nothing to leave in order, either


if __name__ == "__main__":
    main()
