"""`ticketing vouchers`: which there are, and what became of each."""

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

if TYPE_CHECKING:
    from ticketing.vouchers.history_queries import ListedVoucher, VoucherHistory

app = typer.Typer(
    help="Hotspot vouchers: which there are, and what became of each.", no_args_is_help=True
)


@app.command("list")
def list_vouchers(
    event: Annotated[str | None, typer.Argument(help="The event's slug or number.")] = None,
    *,
    state: Annotated[str | None, typer.Option(help="owed, asked, present, ending or gone.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those given up on for now, of all events.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List vouchers, the newest first."""
    from ticketing.events.queries import get_event
    from ticketing.vouchers import history_queries as voucher_history_queries
    from ticketing.vouchers.model import VoucherState

    if (event is None) is not failed:
        raise typer.BadParameter("name an event, or say --failed")
    if state is not None and state not in list(VoucherState):
        raise typer.BadParameter(f"{state!r} is not one of {', '.join(VoucherState)}")
    with open_application() as application, application.database.transaction() as connection:
        if event is None:
            found = voucher_history_queries.list_failed(connection, limit=limit)
        else:
            found = voucher_history_queries.list_of_event(
                connection,
                get_event(application.database, event).id,
                state=None if state is None else VoucherState(state),
                limit=limit,
            )
    if as_json:
        print_json([_to_json(one) for one in found])
        return
    _print_table(found)
    if len(found) == limit:
        stdout_console().print(f"the newest {limit}; --limit shows more")


@app.command("show")
def show(
    named: Annotated[
        str, typer.Argument(help="A voucher's key, its code, or its order: ORD-…", metavar="KEY")
    ],
    *,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also what the buyer types to log in.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell a voucher's whole story; of an order, each of its vouchers'."""
    from dataclasses import asdict

    from ticketing.platform.kernel.errors import Refused
    from ticketing.vouchers import history_queries as voucher_history_queries

    with open_application() as application, application.database.transaction() as connection:
        found = voucher_history_queries.find_histories(connection, named)
    if not found:
        raise Refused("no voucher has that key or code, and no order of vouchers")
    if as_json:
        print_json(
            [
                _to_json(one.voucher, reveal=reveal) | {"steps": [asdict(s) for s in one.steps]}
                for one in found
            ]
        )
        return
    for one in found:
        _print_history(one, reveal=reveal)


def provision(*, as_json: JsonOption = False) -> None:
    """Put on the routers what is owed now, and take off what has ended.

    The worker does it as it comes; safe beside it. Exit code 1 when a router gave trouble.
    """
    import sys
    from dataclasses import asdict

    from ticketing.vouchers.provisioning.context import ProvisioningContext
    from ticketing.vouchers.provisioning.provision import provision_all
    from ticketing.vouchers.provisioning.router_clients import RouterConnector

    with open_application() as application, application.get(RouterConnector).connect() as doors:
        rounds = provision_all(ProvisioningContext(application.database, doors, now, actor()))
    if as_json:
        print_json([asdict(each) for each in rounds])
    else:
        for each in rounds:
            stdout_console().print(
                f"router {each.router}: {each.placed} on, {each.removed} off, {each.refused}"
                f" refused, {each.told} orders are whole. {each.trouble}".strip(),
                markup=False,
            )
        if not rounds:
            stdout_console().print("nothing waits for a router that may be asked now")
    sys.exit(1 if any(each.trouble or each.refused for each in rounds) else 0)


def _to_json(one: "ListedVoucher", *, reveal: bool = False) -> dict[str, object]:
    """What may be seen of it; with `reveal`, what opens it too."""
    from dataclasses import asdict

    known = asdict(one)
    opens = known.pop("credentials")
    return known | opens if reveal else known


def _print_table(found: "list[ListedVoucher]") -> None:
    from rich.markup import escape

    table = new_table("voucher", "order", "package", "router", "state", "ends", "trouble")
    for one in found:
        ends = f"{one.ends_at:%Y-%m-%d %H:%M}" if one.ends_at else ""
        given_up = "given up: " if one.gave_up_at else ""
        table.add_row(
            one.key, one.order_code or "", one.package, one.router, one.state, ends,
            escape(f"{given_up}{one.last_error or one.ending_why}"),
        )  # fmt: skip
    stdout_console().print(table)


def _print_history(history: "VoucherHistory", *, reveal: bool) -> None:
    out, one = stdout_console(), history.voucher
    whose = f"order {one.order_code}, number {one.number}" if one.order_code else "nobody's yet"
    out.print(
        f"{one.key} is {one.state}: {one.package} on router {one.router}, {whose}", markup=False
    )
    if reveal:
        out.print(f"  opens      {one.credentials.name} {one.credentials.password}", markup=False)
    times = {
        "used from": one.first_used_at,
        "ends": one.ends_at,
        "next try": one.next_try,
        "given up": one.gave_up_at,
    }
    for name, at in times.items():
        if at:
            out.print(f"  {name:<10} {at:%Y-%m-%d %H:%M:%S} UTC")
    if one.last_error:
        out.print(f"  trouble    {one.last_error}", markup=False)
    for step in history.steps:
        line = f"  {step.at:%Y-%m-%d %H:%M:%S} {step.state:<8} {step.actor} {step.why}"
        out.print(line.rstrip(), markup=False)


COMMANDS = (provision,)
