"""`ticketing sale`: open, close, show; `plan` is in plans.py."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli import plans
from ticketing.cli.console import JsonOption, actor, open_application, print_json, screen
from ticketing.cli.plans import EventArgument

if TYPE_CHECKING:
    from ticketing.store.sale import TypeForSale

app = typer.Typer(help="Put ticket types on sale, and see what is left.", no_args_is_help=True)
app.add_typer(plans.app, name="plan")

MOST_RUPIAH = 999_999_999


@app.command("open")
def open_sale(
    event: EventArgument,
    *,
    name: Annotated[str, typer.Option("--type", help="The ticket type: VIP.")],
    price: Annotated[
        int | None, typer.Option(min=0, max=MOST_RUPIAH, help="In whole rupiah; 0 is free.")
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(min=0, help="How many places; 0 for no end of them.")
    ] = None,
    max_per_order: Annotated[int | None, typer.Option(min=0, help="0 for no limit.")] = None,
    max_per_buyer: Annotated[int | None, typer.Option(min=0, help="0 for no limit.")] = None,
) -> None:
    """Put a ticket type on sale, or change its terms; what is not said stays.

    Orders keep the price they were placed at.
    """
    from ticketing.actions.sale import Terms
    from ticketing.actions.sale import open_sale as put_on_sale
    from ticketing.domain.money import Rupiah
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        terms = Terms(
            price=None if price is None else Rupiah(price),
            capacity=capacity,
            per_order=max_per_order,
            per_buyer=max_per_buyer,
        )
        sold = put_on_sale(application.database, known, name.strip(), terms, by=actor())
    left = "no end of places" if sold.stock.available is None else f"{sold.stock.available:,} left"
    screen().print(f"{known.slug}: {sold.name} is on sale at {sold.price}, {left}")


@app.command("close")
def close_sale(
    event: EventArgument,
    *,
    name: Annotated[
        str | None, typer.Option("--type", help="Only this ticket type; all without it.")
    ] = None,
) -> None:
    """Take ticket types off sale; what is pending can still be paid."""
    from ticketing.actions.sale import close_sale as take_off
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        closed = take_off(application.database, known, name, by=actor())
    screen().print(f"{known.slug}: {closed} ticket types taken off sale")


@app.command("show")
def show(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """Show what is for sale and how its places stand."""
    from ticketing.actions.sale import on_sale
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        types = on_sale(application.database, known)
    if as_json:
        print_json([_as_json(one) for one in types])
        return
    from rich.table import Table

    table = Table(title=f"{known.name} ({known.slug})", title_justify="left")
    for column in ("ticket type", "sale"):
        table.add_column(column)
    for column in ("price", "capacity", "available", "pending", "sold"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in types:
        table.add_row(
            one.name,
            "open" if one.on_sale else "closed",
            str(one.price),
            _number(one.stock.capacity),
            _number(one.stock.available),
            f"{one.stock.pending:,}",
            f"{one.stock.sold:,}",
        )
    out = screen()
    out.print(table)
    for one in types:
        limits = {"an order": one.limits.per_order, "a buyer": one.limits.per_buyer}
        said = [f"{most:,} {what}" for what, most in limits.items() if most is not None]
        if said:
            out.print(f"{one.name}: at most {', '.join(said)}")
    out.print("pending is ordered and not paid yet")


def _number(number: int | None) -> str:
    return "no end" if number is None else f"{number:,}"


def _as_json(one: "TypeForSale") -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "onSale": one.on_sale,
        "price": one.price.amount,
        "capacity": one.stock.capacity,
        "available": one.stock.available,
        "pending": one.stock.pending,
        "sold": one.stock.sold,
        "maxPerOrder": one.limits.per_order,
        "maxPerBuyer": one.limits.per_buyer,
    }
