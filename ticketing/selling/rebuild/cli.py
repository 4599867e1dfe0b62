"""`ticketing orders rebuild --check`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption, OptionalEventOption
from ticketing.platform.cli.output import print_json, print_text

if TYPE_CHECKING:
    from ticketing.selling.rebuild.check import RebuildCheck

app = typer.Typer()


@app.command("rebuild")
def rebuild(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Compare only; nothing else is possible.")
    ] = False,
    slug: OptionalEventOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay the signed notifications of all orders, and compare with the orders.

    Never writes. Prints every difference: order state, money of payments, places of ticket types.
    Exit code 1 when there is any.
    """
    from ticketing.events.queries import get_event
    from ticketing.selling.rebuild.check import RebuildCheck, check_orders

    if not check:
        raise typer.BadParameter("orders are compared and never written: add --check")
    result = RebuildCheck()
    with open_application() as application:
        event_id = None if slug is None else get_event(application.database, slug).id
        differences = check_orders(application.database, event_id, result)
        if as_json:
            found = list(differences)
            print_json(_counts(result) | {"differences": found})
        else:
            for one in differences:
                line = f"{one.subject}: {one.part}: expected {one.expected}, found {one.found}"
                print_text(line)
            print_text(", ".join(f"{name}: {count}" for name, count in _counts(result).items()))
    raise typer.Exit(1 if result.differences else 0)


def _counts(result: "RebuildCheck") -> dict[str, object]:
    return {
        "orders": result.orders,
        "notifications": result.notifications,
        "unreadable": result.unreadable,
        "paymentsWithoutNotification": result.unproven,
        "differenceCount": result.differences,
    }
