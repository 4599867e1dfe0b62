"""`ticketing packages`: create, update, list, disable."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_list, print_result, print_text
from ticketing.vouchers import cli_package_options as options

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.vouchers.package_queries import StoredPackage
    from ticketing.vouchers.packages import PackageOnSale

app = typer.Typer(no_args_is_help=True)

CodeArgument = Annotated[str, typer.Argument(help="Code of the package: 5k.")]


def _put_command(*, is_new: bool) -> Callable[..., None]:
    """Return the command that creates a package, or the one that updates it: same options."""

    def put(  # noqa: PLR0913 - one parameter per option
        slug: EventOption,
        code: CodeArgument,
        *,
        name: options.NameOption = None,
        price: options.PriceOption = None,
        profile: options.ProfileOption = None,
        router: options.RouterOption = None,
        validity: options.ValidityOption = None,
        counting: options.CountingOption = None,
        unused_for: options.UnusedForOption = None,
        online: options.OnlineOption = None,
        data: options.BytesOption = None,
        devices: options.DevicesOption = None,
        prefix: options.PrefixOption = None,
        alphabet: options.AlphabetOption = None,
        length: options.LengthOption = None,
        password_length: options.PasswordLengthOption = None,
        made_ahead: options.MadeAheadOption = None,
        capacity: options.CapacityOption = None,
        per_order: options.PerOrderOption = None,
        per_buyer: options.PerBuyerOption = None,
        as_json: JsonOption = False,
    ) -> None:
        from ticketing.platform.kernel.money import Rupiah
        from ticketing.vouchers.model import ValidityStart
        from ticketing.vouchers.packages import PackageTerms, put_package

        terms = PackageTerms(
            name=name, price=None if price is None else Rupiah(price), profile=profile,
            router=router, validity=validity, unused_expiry=unused_for, online_limit=online,
            validity_start=None if counting is None else ValidityStart[f"FROM_{counting.name}"],
            bytes_limit=data, shared_users=devices, prefix=prefix, alphabet=alphabet,
            length=length, password_length=password_length, pool_size=made_ahead,
            capacity=capacity, per_order=per_order, per_buyer=per_buyer,
        )  # fmt: skip
        with open_event(slug) as (application, event):
            stored = put_package(
                application.database, event, code, terms, at=now(), by=actor(), is_new=is_new
            )
            package = stored.package
            print_result(
                {"code": code, "event": event.slug, "name": package.name,
                 "price": package.price.amount, "onSale": stored.on_sale},
                f"{event.slug}: package {code} is on sale: {package.name}, {package.price}.",
                f"It is sold at /events/{event.slug} and by POST /voucher/purchase.",
                as_json=as_json,
            )  # fmt: skip
            if not as_json:
                _print_router_check(application, stored)

    return put


app.command(
    "create",
    help=(
        "Put a package on sale.\n\nA new package needs --name, --price, --profile, --router and"
        " --validity. A duration or --bytes of 0 is unlimited."
    ),
)(_put_command(is_new=True))
app.command(
    "update",
    help=(
        "Change a package, and put it on sale again; omitted options stay unchanged.\n\nVouchers"
        " that were sold keep their terms. A duration or --bytes of 0 is unlimited."
    ),
)(_put_command(is_new=False))


@app.command("list")
def list_packages(*, as_json: JsonOption = False) -> None:
    """List the packages of all events."""
    from ticketing.vouchers import packages

    with open_application() as application:
        listed = packages.list_packages(application.database)
    print_list(
        listed,
        {
            "code": lambda one: one.stored.package.code,
            "name": lambda one: one.stored.package.name,
            "event": lambda one: one.event,
            "on sale": lambda one: one.stored.on_sale,
            "price": lambda one: one.stored.package.price,
            "router": lambda one: one.router,
            "validity": _describe_validity,
            "sold": lambda one: one.sale.stock.sold,
        },
        as_json=as_json,
        to_json=_to_json,
        empty="No packages.",
    )


@app.command("disable")
def disable_package(code: CodeArgument, *, as_json: JsonOption = False) -> None:
    """Take a package off sale; pending orders can still be paid."""
    from ticketing.vouchers.packages import close_package

    with open_application() as application:
        was_on_sale = close_package(application.database, code, by=actor())
    line = f"Package {code} {'is off sale now' if was_on_sale else 'was not on sale'}."
    print_result({"code": code, "wasOnSale": was_on_sale}, line, as_json=as_json)


def _print_router_check(application: "Application", stored: "StoredPackage") -> None:
    """Print what prevents the package from working, so that no buyer has to find it."""
    from ticketing.crypto.keyring import KeyRing
    from ticketing.platform.kernel.errors import TicketingError
    from ticketing.routers import queries as router_queries
    from ticketing.routers.routeros.client import RouterClient
    from ticketing.vouchers.provisioning.cli_routers import print_profile_mismatches
    from ticketing.vouchers.provisioning.router_admin import check_router, to_router_account

    with application.database.transaction() as connection:
        router = router_queries.get_by_id(connection, stored.router_id)
    try:
        with RouterClient(to_router_account(router, application.get(KeyRing))) as client:
            print_profile_mismatches(check_router(application.database, router, client))
    except TicketingError as error:
        print_text(f"The router could not be checked: {error}")


def _describe_validity(one: "PackageOnSale") -> str:
    package = one.stored.package
    start = "use" if package.validity_start == "from_first_use" else "sale"
    return f"{options.format_duration(package.validity)} from {start}"


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
        "unusedForSeconds": _to_seconds(package.unused_expiry),
        "onlineSeconds": _to_seconds(package.online_limit),
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


def _to_seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())
