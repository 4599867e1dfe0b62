"""Options and arguments shared by commands of several capabilities."""

from typing import Annotated

import typer

EventArgument = Annotated[str, typer.Argument(help="The event's slug or number.")]


MAX_RUPIAH = 999_999_999
