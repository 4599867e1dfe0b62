"""`ticketing package`: add, list, close."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import (
    JsonOption,
    actor,
    new_table,
    now,
    open_application,
    print_json,
    stdout_console,
)
from ticketing.platform.cli.options import MAX_RUPIAH, EventArgument

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.vouchers.package_queries import StoredPackage
    from ticketing.vouchers.packages import PackageOnSale

app = typer.Typer(help="Sell voucher packages of a hotspot.", no_args_is_help=True)

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d{1,9})(|[kMGT]i?)B")
_POWERS = ["", "k", "M", "G", "T"]


class ValidityStartChoice(StrEnum):
    """From when on the validity runs."""

    FIRST_USE = "first-use"
    SALE = "sale"


def parse_duration(text: str) -> timedelta:
    """A time as people write it: 90m, 24h, 30d."""
    written = _SPAN.fullmatch(text)
    if written is None:
        raise typer.BadParameter(f"{text!r} is no time; write it like 90m, 24h or 30d")
    return timedelta(seconds=int(written[1]) * _SECONDS[written[2]])


def parse_size(text: str) -> int:
    """Bytes as people write them: 500MB, 2GB, or in powers of 1024, 2GiB. 0 is no limit."""
    written = _SIZE.fullmatch(text)
    if written is None and text != "0":
        raise typer.BadParameter(f"{text!r} is no size; write it like 500MB, 2GB, 2GiB, or 0")
    if written is None:
        return 0
    step = 1024 if written[2].endswith("i") else 1000
    number = int(written[1])
    for _ in range(_POWERS.index(written[2].removesuffix("i"))):
        number *= step
    return number


CodeArgument = Annotated[str, typer.Argument(help="What a buyer's page asks for: 5k.")]


@app.command("add")
def add(  # noqa: PLR0913 - one option a term, as people say them
    event: EventArgument,
    code: CodeArgument,
    *,
    name: Annotated[str | None, typer.Option(help="As buyers read it.")] = None,
    price: Annotated[
        int | None, typer.Option(min=0, max=MAX_RUPIAH, help="In whole rupiah; 0 is free.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="The router's user profile, by its whole name.")
    ] = None,
    router: Annotated[str | None, typer.Option(help="Where its vouchers are made.")] = None,
    validity: Annotated[
        timedelta | None,
        typer.Option(parser=parse_duration, metavar="TIME", help="24h, 30d: how long."),
    ] = None,
    counting: Annotated[
        ValidityStartChoice | None, typer.Option(help="From when on; first-use if new.")
    ] = None,
    unused_for: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration, metavar="TIME", help="Unused, it ends so long after its sale."
        ),
    ] = None,
    online: Annotated[
        timedelta | None,
        typer.Option(parser=parse_duration, metavar="TIME", help="So long online in all."),
    ] = None,
    data: Annotated[
        int | None, typer.Option("--bytes", parser=parse_size, metavar="SIZE", help="So much: 2GB.")
    ] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="At once; 1 if new.")] = None,
    prefix: Annotated[str | None, typer.Option(help="What its codes begin with.")] = None,
    alphabet: Annotated[str | None, typer.Option(help="What they are drawn from.")] = None,
    length: Annotated[int | None, typer.Option(min=1, help="After the prefix; 8 if new.")] = None,
    password_length: Annotated[
        int | None, typer.Option(min=0, help="Of its own password; 0: the password is the code.")
    ] = None,
    made_ahead: Annotated[
        int | None, typer.Option(min=0, help="So many wait on the router for its next outage.")
    ] = None,
    capacity: Annotated[int | None, typer.Option(min=0, help="0 for no end of them.")] = None,
    per_order: Annotated[int | None, typer.Option(min=1, max=500, help="500 if new.")] = None,
    per_buyer: Annotated[int | None, typer.Option(min=0, help="0 for no limit.")] = None,
) -> None:
    """Put a package on sale, or change it; what is not said stays.

    Vouchers that were sold keep what they were sold with. A time or --bytes of 0 is no limit.
    """
    from ticketing.events.queries import get_event
    from ticketing.platform.kernel.money import Rupiah
    from ticketing.vouchers.model import ValidityStart
    from ticketing.vouchers.packages import PackageTerms, put_package

    said = PackageTerms(
        name=name, price=None if price is None else Rupiah(price), profile=profile, router=router,
        validity=validity, unused_expiry=unused_for, online_limit=online, bytes_limit=data,
        validity_start=None if counting is None else ValidityStart[f"FROM_{counting.name}"],
        shared_users=devices, prefix=prefix, alphabet=alphabet, length=length,
        password_length=password_length, pool_size=made_ahead, capacity=capacity,
        per_order=per_order, per_buyer=per_buyer,
    )  # fmt: skip
    with open_application() as application:
        known = get_event(application.database, event)
        stored = put_package(application.database, known, code, said, at=now(), by=actor())
        package = stored.package
        stdout_console().print(
            f"{known.slug}: package {code} is on sale, {package.name} at {package.price};"
            f" POST /voucher/purchase sells it, and /events/{known.slug}"
        )
        _print_router_check(application, stored)


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """List the packages of all events."""
    from ticketing.vouchers.packages import list_packages

    with open_application() as application:
        known = list_packages(application.database)
    if as_json:
        print_json([_to_json(one) for one in known])
        return
    table = new_table(
        "code", "name", "event", "sale", "price", "router", "profile", "valid", "sold"
    )
    for one in known:
        package = one.stored.package
        table.add_row(
            package.code,
            package.name,
            one.event,
            "open" if one.stored.on_sale else "closed",
            str(package.price),
            one.router,
            package.profile,
            f"{_format_duration(package.validity)} {package.validity_start.replace('_', ' ')}",
            f"{one.sale.stock.sold:,}",
        )
    stdout_console().print(table)


@app.command("close")
def close(code: CodeArgument) -> None:
    """Take a package off sale; what is pending can still be paid."""
    from ticketing.vouchers.packages import close_package

    with open_application() as application:
        was_open = close_package(application.database, code, by=actor())
    stdout_console().print(
        f"package {code} {'is taken off sale' if was_open else 'was not on sale'}"
    )


def _print_router_check(application: "Application", stored: "StoredPackage") -> None:
    """Whether it can be made there, said at once: the first buyer must not find it out."""
    from ticketing.crypto.keyring import KeyRing
    from ticketing.platform.kernel.errors import TicketingError
    from ticketing.routers import queries as routers_queries
    from ticketing.routers.routeros.client import RouterClient
    from ticketing.vouchers.provisioning.cli_routers import print_profile_mismatches
    from ticketing.vouchers.provisioning.router_admin import check_router, to_router_account

    with application.database.transaction() as connection:
        router = routers_queries.get_by_id(connection, stored.router_id)
    try:
        with RouterClient(to_router_account(router, application.get(KeyRing))) as door:
            print_profile_mismatches(check_router(application.database, router, door))
    except TicketingError as error:
        stdout_console().print(f"whether it can be made there is not known yet: {error}")


def _to_json(one: "PackageOnSale") -> dict[str, object]:
    stored, package, rule = one.stored, one.stored.package, one.stored.rule
    return {
        "code": package.code,
        "name": package.name,
        "event": one.event,
        "onSale": stored.on_sale,
        "price": package.price.amount,
        "router": one.router,
        "profile": package.profile,
        "validitySeconds": int(package.validity.total_seconds()),
        "counting": package.validity_start,
        "unusedForSeconds": _seconds(package.unused_expiry),
        "onlineSeconds": _seconds(package.online_limit),
        "bytes": package.bytes_limit,
        "devices": package.shared_users,
        "prefix": rule.prefix,
        "alphabet": rule.alphabet,
        "length": rule.length,
        "passwordLength": rule.password_length,
        "madeAhead": stored.pool_size,
        "available": one.sale.stock.available,
        "pending": one.sale.stock.pending,
        "sold": one.sale.stock.sold,
        "perOrder": one.sale.limits.per_order,
        "perBuyer": one.sale.limits.per_buyer,
    }


def _format_duration(lasts: timedelta) -> str:
    """As it would be typed: 24h, 30d."""
    seconds = int(lasts.total_seconds())
    unit, size = next(
        (unit, size) for unit, size in reversed(_SECONDS.items()) if not seconds % size
    )
    return f"{seconds // size}{unit}"


def _seconds(lasts: timedelta | None) -> int | None:
    return None if lasts is None else int(lasts.total_seconds())
