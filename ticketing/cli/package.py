"""`ticketing package`: add, list, close."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import (
    JsonOption,
    actor,
    listing,
    now,
    open_application,
    print_json,
    screen,
)
from ticketing.cli.sale import MOST_RUPIAH, EventArgument

if TYPE_CHECKING:
    from ticketing.actions.voucher_packages import PackageOnSale
    from ticketing.application import Application
    from ticketing.store.packages import StoredPackage

app = typer.Typer(help="Sell voucher packages of a hotspot.", no_args_is_help=True)

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d{1,9})(|[kMGT]i?)B")
_POWERS = ["", "k", "M", "G", "T"]


class From(StrEnum):
    """From when on the validity runs."""

    FIRST_USE = "first-use"
    SALE = "sale"


def span(text: str) -> timedelta:
    """A time as people write it: 90m, 24h, 30d."""
    written = _SPAN.fullmatch(text)
    if written is None:
        raise typer.BadParameter(f"{text!r} is no time; write it like 90m, 24h or 30d")
    return timedelta(seconds=int(written[1]) * _SECONDS[written[2]])


def size(text: str) -> int:
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
        int | None, typer.Option(min=0, max=MOST_RUPIAH, help="In whole rupiah; 0 is free.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="The router's user profile, by its whole name.")
    ] = None,
    router: Annotated[str | None, typer.Option(help="Where its vouchers are made.")] = None,
    validity: Annotated[
        timedelta | None, typer.Option(parser=span, metavar="TIME", help="24h, 30d: how long.")
    ] = None,
    counting: Annotated[From | None, typer.Option(help="From when on; first-use if new.")] = None,
    unused_for: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Unused, it ends so long after its sale."),
    ] = None,
    online: Annotated[
        timedelta | None, typer.Option(parser=span, metavar="TIME", help="So long online in all.")
    ] = None,
    data: Annotated[
        int | None, typer.Option("--bytes", parser=size, metavar="SIZE", help="So much: 2GB.")
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
    from ticketing.actions.voucher_packages import PackageTerms, put_package
    from ticketing.domain.money import Rupiah
    from ticketing.domain.vouchers import Counting
    from ticketing.store.events import find_event

    said = PackageTerms(
        name=name, price=None if price is None else Rupiah(price), profile=profile, router=router,
        validity=validity, unused_for=unused_for, online_limit=online, bytes_limit=data,
        counting=None if counting is None else Counting[f"FROM_{counting.name}"],
        shared_users=devices, prefix=prefix, alphabet=alphabet, length=length,
        password_length=password_length, made_ahead=made_ahead, capacity=capacity,
        per_order=per_order, per_buyer=per_buyer,
    )  # fmt: skip
    with open_application() as application:
        known = find_event(application.database, event)
        stored = put_package(application.database, known, code, said, at=now(), by=actor())
        package = stored.package
        screen().print(
            f"{known.slug}: package {code} is on sale, {package.name} at {package.price};"
            f" POST /voucher/purchase sells it, and /events/{known.slug}"
        )
        _ask_router(application, stored)


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """List the packages of all events."""
    from ticketing.actions.voucher_packages import packages_known

    with open_application() as application:
        known = packages_known(application.database)
    if as_json:
        print_json([_as_json(one) for one in known])
        return
    table = listing("code", "name", "event", "sale", "price", "router", "profile", "valid", "sold")
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
            f"{_lasting(package.validity)} {package.counting.replace('_', ' ')}",
            f"{one.sale.stock.sold:,}",
        )
    screen().print(table)


@app.command("close")
def close(code: CodeArgument) -> None:
    """Take a package off sale; what is pending can still be paid."""
    from ticketing.actions.voucher_packages import close_package

    with open_application() as application:
        was_open = close_package(application.database, code, by=actor())
    screen().print(f"package {code} {'is taken off sale' if was_open else 'was not on sale'}")


def _ask_router(application: "Application", stored: "StoredPackage") -> None:
    """Whether it can be made there, said at once: the first buyer must not find it out."""
    from ticketing.actions.routers import account_of, look_at
    from ticketing.cli.router import tell_misfits
    from ticketing.domain.errors import TicketingError
    from ticketing.gateways.routeros import Router
    from ticketing.signing.keys import KeyRing
    from ticketing.store import routers

    with application.database.transaction() as connection:
        router = routers.by_id(connection, stored.router_id)
    try:
        with Router(account_of(router, application.get(KeyRing))) as door:
            tell_misfits(look_at(application.database, router, door))
    except TicketingError as error:
        screen().print(f"whether it can be made there is not known yet: {error}")


def _as_json(one: "PackageOnSale") -> dict[str, object]:
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
        "counting": package.counting,
        "unusedForSeconds": _seconds(package.unused_for),
        "onlineSeconds": _seconds(package.online_limit),
        "bytes": package.bytes_limit,
        "devices": package.shared_users,
        "prefix": rule.prefix,
        "alphabet": rule.alphabet,
        "length": rule.length,
        "passwordLength": rule.password_length,
        "madeAhead": stored.made_ahead,
        "available": one.sale.stock.available,
        "pending": one.sale.stock.pending,
        "sold": one.sale.stock.sold,
        "perOrder": one.sale.limits.per_order,
        "perBuyer": one.sale.limits.per_buyer,
    }


def _lasting(lasts: timedelta) -> str:
    """As it would be typed: 24h, 30d."""
    seconds = int(lasts.total_seconds())
    unit, size = next(
        (unit, size) for unit, size in reversed(_SECONDS.items()) if not seconds % size
    )
    return f"{seconds // size}{unit}"


def _seconds(lasts: timedelta | None) -> int | None:
    return None if lasts is None else int(lasts.total_seconds())
