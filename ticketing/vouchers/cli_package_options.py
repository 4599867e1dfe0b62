"""Options of `ticketing packages create` and `update`, and how durations and sizes are written."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from ticketing.platform.cli.options import MAX_RUPIAH

_DURATION = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d{1,9})(|[kMGT]i?)B")
_POWERS = ["", "k", "M", "G", "T"]


class ValidityStartChoice(StrEnum):
    """From when the validity runs."""

    FIRST_USE = "first-use"
    SALE = "sale"


def parse_duration(text: str) -> timedelta:
    """Parse a duration: 90m, 24h, 30d."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a duration; write it like 90m, 24h or 30d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_size(text: str) -> int:
    """Parse a size in bytes: 500MB, 2GB, or in powers of 1024, 2GiB; 0 is unlimited."""
    match = _SIZE.fullmatch(text)
    if match is None and text != "0":
        raise typer.BadParameter(f"{text!r} is not a size; write it like 500MB, 2GB, 2GiB, or 0")
    if match is None:
        return 0
    step = 1024 if match[2].endswith("i") else 1000
    power = _POWERS.index(match[2].removesuffix("i"))
    return int(match[1]) * int(step**power)


def format_duration(duration: timedelta) -> str:
    """Return a duration as it would be typed: 24h, 30d."""
    seconds = int(duration.total_seconds())
    unit, size = next(
        (unit, size) for unit, size in reversed(_SECONDS.items()) if not seconds % size
    )
    return f"{seconds // size}{unit}"


def _duration_option(name: str, text: str) -> object:
    return typer.Option(name, parser=parse_duration, metavar="DURATION", help=text)


NameOption = Annotated[str | None, typer.Option("--name", help="Name, as shown to buyers.")]
PriceOption = Annotated[
    int | None,
    typer.Option("--price", min=0, max=MAX_RUPIAH, help="Price in whole rupiah; 0 = free."),
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="Full name of the router's user profile.")
]
RouterOption = Annotated[
    str | None, typer.Option("--router", help="Router that its vouchers are created on.")
]
ValidityOption = Annotated[
    timedelta | None, _duration_option("--validity", "How long a voucher is valid: 24h, 30d.")
]
CountingOption = Annotated[
    ValidityStartChoice | None,
    typer.Option("--counting", help="Start of the validity; first-use if new."),
]
UnusedForOption = Annotated[
    timedelta | None,
    _duration_option("--unused-for", "An unused voucher ends this long after its sale."),
]
OnlineOption = Annotated[
    timedelta | None, _duration_option("--online", "Maximum time online in total.")
]
BytesOption = Annotated[
    int | None,
    typer.Option("--bytes", parser=parse_size, metavar="SIZE", help="Data limit: 500MB, 2GB."),
]
DevicesOption = Annotated[
    int | None, typer.Option("--devices", min=1, help="Devices at the same time; 1 if new.")
]
PrefixOption = Annotated[str | None, typer.Option("--prefix", help="First characters of codes.")]
AlphabetOption = Annotated[
    str | None, typer.Option("--alphabet", help="Characters that codes consist of.")
]
LengthOption = Annotated[
    int | None, typer.Option("--length", min=1, help="Characters after the prefix; 8 if new.")
]
PasswordLengthOption = Annotated[
    int | None,
    typer.Option("--password-length", min=0, help="0 = the password is the code itself."),
]
MadeAheadOption = Annotated[
    int | None,
    typer.Option("--made-ahead", min=0, help="Vouchers in the pool for an outage; 0 = none."),
]
CapacityOption = Annotated[
    int | None, typer.Option("--capacity", min=0, help="Number of vouchers; 0 = unlimited.")
]
PerOrderOption = Annotated[
    int | None,
    typer.Option("--per-order", min=1, max=500, help="Vouchers per order; 500 if new."),
]
PerBuyerOption = Annotated[
    int | None, typer.Option("--per-buyer", min=0, help="Vouchers per buyer; 0 = unlimited.")
]
