"""`ticketing ticket-types`: create, update, disable, list."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor
from ticketing.platform.cli.options import MAX_RUPIAH, EventOption, JsonOption
from ticketing.platform.cli.output import format_limit, print_list, print_result, print_text

if TYPE_CHECKING:
    from ticketing.catalogue.ticket_type_queries import TicketTypeListing
    from ticketing.catalogue.ticket_types import SaleTerms

app = typer.Typer(no_args_is_help=True)

NameOption = Annotated[str, typer.Option("--type", help="Name of the ticket type: VIP.")]
PRICE = typer.Option("--price", min=0, max=MAX_RUPIAH, help="Price in whole rupiah; 0 = free.")
CapacityOption = Annotated[
    int | None, typer.Option("--capacity", min=0, help="Number of places; 0 = unlimited.")
]
PerOrderOption = Annotated[
    int | None, typer.Option("--max-per-order", min=0, help="Places per order; 0 = unlimited.")
]
PerBuyerOption = Annotated[
    int | None, typer.Option("--max-per-buyer", min=0, help="Places per buyer; 0 = unlimited.")
]


@app.command("create")
def create_ticket_type(
    slug: EventOption,
    *,
    name: NameOption,
    price: Annotated[int, PRICE],
    capacity: CapacityOption = None,
    max_per_order: PerOrderOption = None,
    max_per_buyer: PerBuyerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a new ticket type on sale."""
    terms = _parse_terms(price, capacity, max_per_order, max_per_buyer)
    _put_on_sale(slug, name, terms, is_new=True, as_json=as_json)


@app.command("update")
def update_ticket_type(
    slug: EventOption,
    *,
    name: NameOption,
    price: Annotated[int | None, PRICE] = None,
    capacity: CapacityOption = None,
    max_per_order: PerOrderOption = None,
    max_per_buyer: PerBuyerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a ticket type, and put it on sale again if it was disabled.

    Omitted options stay unchanged. Orders keep the price they were placed at.
    """
    terms = _parse_terms(price, capacity, max_per_order, max_per_buyer)
    _put_on_sale(slug, name, terms, is_new=False, as_json=as_json)


@app.command("disable")
def disable_ticket_types(
    slug: EventOption,
    *,
    name: Annotated[
        str | None, typer.Option("--type", help="Only this ticket type; default: all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take ticket types off sale; pending orders can still be paid."""
    from ticketing.catalogue.ticket_types import close_sale

    with open_event(slug) as (application, event):
        disabled = close_sale(application.database, event, name, by=actor())
    line = f"{event.slug}: {disabled} ticket types taken off sale."
    print_result({"event": event.slug, "disabled": disabled}, line, as_json=as_json)


@app.command("list")
def list_ticket_types(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the ticket types of an event and their places."""
    from ticketing.catalogue import ticket_types

    with open_event(slug) as (application, event):
        listed = ticket_types.list_ticket_types(application.database, event)
    print_list(
        listed,
        {
            "ticket type": lambda one: one.name,
            "on sale": lambda one: one.on_sale,
            "price": lambda one: one.price,
            "capacity": lambda one: format_limit(one.stock.capacity),
            "available": lambda one: format_limit(one.stock.available),
            "pending": lambda one: one.stock.pending,
            "sold": lambda one: one.stock.sold,
            "per order": lambda one: one.limits.per_order,
            "per buyer": lambda one: one.limits.per_buyer,
        },
        as_json=as_json,
        to_json=_to_json,
        empty=f"{event.slug} has no ticket types.",
    )
    if listed and not as_json:
        print_text("pending = ordered and not paid yet")


def _parse_terms(
    price: int | None, capacity: int | None, per_order: int | None, per_buyer: int | None
) -> "SaleTerms":
    from ticketing.catalogue.ticket_types import SaleTerms
    from ticketing.platform.kernel.money import Rupiah

    return SaleTerms(
        price=None if price is None else Rupiah(price),
        capacity=capacity,
        per_order=per_order,
        per_buyer=per_buyer,
    )


def _put_on_sale(slug: str, name: str, terms: "SaleTerms", *, is_new: bool, as_json: bool) -> None:
    from ticketing.catalogue.ticket_types import open_sale

    with open_event(slug) as (application, event):
        listing = open_sale(
            application.database, event, name.strip(), terms, by=actor(), is_new=is_new
        )
    places = format_limit(listing.stock.available)
    line = f"{event.slug}: {listing.name} is on sale at {listing.price}; places left: {places}."
    print_result(_to_json(listing), line, as_json=as_json)


def _to_json(one: "TicketTypeListing") -> dict[str, object]:
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
