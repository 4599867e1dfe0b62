"""`ticketing vouchers`: list, show; the other commands are in the modules merged here."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import (
    JsonOption,
    LimitOption,
    OptionalEventOption,
    parse_choice,
)
from ticketing.platform.cli.output import (
    format_time,
    print_json,
    print_list,
    print_text,
    to_object,
)
from ticketing.vouchers import cli_maintenance
from ticketing.vouchers.provisioning import cli as provisioning_cli

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketing.vouchers.history_queries import ListedVoucher, VoucherHistoryEntry

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_vouchers(
    *,
    slug: OptionalEventOption = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only pending, provisioning, active, revoking or removed vouchers."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only failed vouchers, of all events.")
    ] = False,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List vouchers of an event, or all failed ones, the newest first."""
    from zoneinfo import ZoneInfo

    from ticketing.events.queries import get_event
    from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE
    from ticketing.vouchers import history_queries
    from ticketing.vouchers.model import VoucherState

    if (slug is None) is not failed:
        raise typer.BadParameter("name an --event, or use --failed")
    chosen = None if state is None else parse_choice(state, VoucherState, "--state")
    with open_application() as application, application.database.transaction() as connection:
        event = None if slug is None else get_event(application.database, slug)
        vouchers = history_queries.list_vouchers(
            connection, None if event is None else event.id, state=chosen, limit=limit
        )
    zone = BUSINESS_TIME_ZONE if event is None else ZoneInfo(event.time_zone)
    print_list(
        vouchers,
        {
            "voucher": lambda voucher: voucher.key,
            "order": lambda voucher: voucher.order_code,
            "package": lambda voucher: voucher.package,
            "router": lambda voucher: voucher.router,
            "state": lambda voucher: voucher.state,
            "ends": lambda voucher: voucher.expires_at,
            "problem": _describe_problem,
        },
        as_json=as_json,
        to_json=_to_json,
        zone=zone,
        empty="No vouchers.",
    )
    if len(vouchers) == limit and not as_json:
        print_text(f"The newest {limit} vouchers; use --limit for more.")


@app.command("show")
def show_voucher(
    name: Annotated[
        str, typer.Argument(help="Key or code of a voucher, or code of an order.", metavar="KEY")
    ],
    *,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also print the login of the voucher.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the full history of a voucher, or of each voucher of an order."""
    from ticketing.platform.kernel.errors import Refused
    from ticketing.vouchers import history_queries

    with open_application() as application, application.database.transaction() as connection:
        histories = history_queries.find_histories(connection, name)
    if not histories:
        raise Refused(f"no voucher and no order of vouchers is named {name!r}")
    if as_json:
        print_json(
            [_to_json(voucher, reveal=reveal) | {"steps": steps} for voucher, steps in histories]
        )
        return
    for voucher, steps in histories:
        _print_history(voucher, steps, reveal=reveal)


def _to_json(voucher: "ListedVoucher", *, reveal: bool = False) -> dict[str, object]:
    """Return the voucher without its login; with `reveal`, including it."""
    fields = to_object(voucher)
    credentials = fields.pop("credentials")
    return fields | to_object(credentials) if reveal else fields


def _describe_problem(voucher: "ListedVoucher") -> str:
    failed = "failed: " if voucher.failed_at else ""
    return f"{failed}{voucher.last_error or voucher.revoked_reason}"


def _print_history(
    voucher: "ListedVoucher", steps: "Iterable[VoucherHistoryEntry]", *, reveal: bool
) -> None:
    owner = f"order {voucher.order_code}, number {voucher.number}" if voucher.order_code else "pool"
    print_text(
        f"{voucher.key} is {voucher.state}: {voucher.package} on router {voucher.router}, {owner}"
    )
    if reveal:
        print_text(f"  login      {voucher.credentials.name} {voucher.credentials.password}")
    times = {
        "first used": voucher.first_used_at,
        "ends": voucher.expires_at,
        "next try": voucher.next_attempt_at,
        "failed": voucher.failed_at,
    }
    print_text(*(f"  {label:<10} {format_time(at)}" for label, at in times.items() if at))
    if voucher.last_error:
        print_text(f"  problem    {voucher.last_error}")
    for step in steps:
        print_text(
            f"  {format_time(step.at)}  {step.state:<12}  {step.actor} {step.reason}".rstrip()
        )


app.add_typer(provisioning_cli.app)
app.add_typer(cli_maintenance.app)
