"""`ticketing orders create`: orders that are paid at the box office."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, parse_choice
from ticketing.platform.cli.output import print_result

if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.db.database import Database

app = typer.Typer()

MAX_QUANTITY = 1000


@app.command("create")
def create_order(  # noqa: PLR0913 - one parameter per option
    slug: EventOption,
    *,
    paid_by: Annotated[
        str, typer.Option(help="cash, transfer (to the organiser's account) or complimentary.")
    ],
    ticket_type: Annotated[str, typer.Option(help="Name of the ticket type.")],
    name: Annotated[str, typer.Option(help="Name of the buyer.")],
    reason: Annotated[
        str, typer.Option(help="Why the order is not paid in the shop; for the audit log.")
    ],
    quantity: Annotated[int, typer.Option(min=1, max=MAX_QUANTITY, help="Number of places.")] = 1,
    email: Annotated[str, typer.Option(help="E-mail address of the buyer.")] = "",
    phone: Annotated[str, typer.Option(help="Phone number of the buyer.")] = "",
    guest: Annotated[
        list[str] | None,
        typer.Option(
            help="Name on the ticket of a place; repeat it for the next place. Needed for every"
            " place if the event requires names."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Text that identifies this sale: the same command again continues it"
            " and never sells twice. Without one, a failed command prints the key for that."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sell at the box office: the order is paid at once, and its tickets are issued next.

    Stock and limits of the ticket type apply. Tickets are sent if an e-mail address or phone number
    is given. Refunds of such orders are paid out by hand.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.orders.order import Selection
    from ticketing.orders.payment_attempt import PaymentMeans
    from ticketing.orders.place_guest import Place
    from ticketing.selling.box_office.sell import (
        BoxOfficeSale,
        box_office_idempotency,
        sell_at_box_office,
    )
    from ticketing.selling.checkout.buyer_input import parse_guest

    means = parse_choice(paid_by, PaymentMeans, "--paid-by")
    if not reason.strip():
        raise typer.BadParameter(
            "write why the order is not paid in the shop", param_hint="--reason"
        )
    with open_event(slug) as (application, event):
        database = application.database
        type_id = _ticket_type_id(database, event, ticket_type)
        guests = [
            parse_guest(event, Place(type_id, number), name=one, email="", answers={})
            for number, one in enumerate(guest or (), start=1)
        ]
        chosen = [Selection(type_id, quantity)]
        sale = BoxOfficeSale(chosen, means, reason, name, email, phone, guests)
        with _sale_key(key) as own:
            idempotency = box_office_idempotency(application.get(KeyRing), own, sale)
            order = sell_at_box_office(
                database, event, sale, idempotency=idempotency, at=now(), by=actor()
            )
    result = {"order": order.code, "state": order.state, "total": order.total, "paidBy": means}
    line = f"Order {order.code} is {order.state} by {means}: {order.total}."
    print_result(result, line, as_json=as_json)


@contextmanager
def _sale_key(given: str | None) -> Iterator[str]:
    """Provide the key of a sale; without one make one, and print it if the sale is interrupted."""
    key = given or str(uuid4())
    try:
        yield key
    except BaseException:
        if given is None:
            again = f"To repeat this sale, and never sell it twice, add to the command: --key {key}"
            typer.echo(again, err=True)
        raise


def _ticket_type_id(database: "Database", event: "Event", name: str) -> int:
    """Return the id of a ticket type on sale; refuses another name and lists the names."""
    from ticketing.catalogue.ticket_types import list_ticket_types
    from ticketing.platform.kernel.errors import NotOnSale

    offers = {one.name: one.id for one in list_ticket_types(database, event) if one.on_sale}
    if name not in offers:
        known = ", ".join(offers) or "none"
        raise NotOnSale(f"ticket type {name!r} of {event.slug} is not on sale; {known} are")
    return offers[name]
