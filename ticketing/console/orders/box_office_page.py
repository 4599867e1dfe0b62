"""Sell at the box office: a form, what will be sold for how much, and the paid order."""

import re
from collections.abc import Mapping
from uuid import uuid4

from fastapi import Response

from ticketing.access.authentication import Operator
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.catalogue.ticket_types import list_ticket_types
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, ConsolePage, PageDependency, redirect
from ticketing.console.orders.fields import UnusableField, require_reason
from ticketing.console.orders.list_page import ORDERS_PATH
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.orders.order import Selection
from ticketing.orders.payment_attempt import PaymentMeans
from ticketing.orders.place_guest import Place
from ticketing.platform.http.envelope import EventInPath
from ticketing.platform.http.services import now
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.box_office.sell import (
    BoxOfficeSale,
    box_office_idempotency,
    sell_at_box_office,
)
from ticketing.selling.checkout.buyer_input import parse_guest

MEANS = (PaymentMeans.CASH, PaymentMeans.TRANSFER, PaymentMeans.COMPLIMENTARY)
MAX_QUANTITY = 100
EMPTY = dict.fromkeys(("type", "name", "email", "phone", "guests", "reason"), "") | {
    "quantity": "1", "paid_by": "cash",
}  # fmt: skip

router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)


@router.get("/{event}/sell")
def show_form(event: EventInPath, page: PageDependency, caller: Operator) -> Response:
    """Return the form with the ticket types that are on sale."""
    return _render(page, caller, get_event(page.services.database, event), EMPTY)


@router.post("/{event}/sell/plan")
def plan(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Show what would be sold for how much; nothing is reserved."""
    known = get_event(page.services.database, event)
    try:
        sale, amount = _parse_sale(page, known, fields)
    except Refused as error:
        return _render(page, caller, known, fields, status=error.status, problem=str(error))
    return _render(page, caller, known, fields, sale=sale, amount=amount)


@router.post("/{event}/sell")
def sell(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Sell, and lead to the paid order. The form carries a key: sending it twice sells once."""
    known = get_event(page.services.database, event)
    try:
        sale, amount = _parse_sale(page, known, fields)
        _require_shown_amount(fields, amount)
        key = f"console {_require_key(fields)}"
        idempotency = box_office_idempotency(page.services.get(KeyRing), key, sale)
        order = sell_at_box_office(
            page.services.database, known, sale, idempotency=idempotency, at=now(), by=caller.actor
        )
    except Refused as error:
        return _render(page, caller, known, fields, status=error.status, problem=str(error))
    return redirect(f"{ORDERS_PATH}/{order.id}")


def _parse_sale(
    page: ConsolePage, event: Event, fields: Mapping[str, str]
) -> tuple[BoxOfficeSale, Rupiah]:
    """Return the sale and its price before limits and stock are checked, which selling does."""
    given = EMPTY | dict(fields)
    offered = {str(one.id): one for one in _list_offers(page, event)}
    if given["type"] not in offered:
        raise UnusableField("type: choose a ticket type that is on sale")
    kind, quantity = offered[given["type"]], _parse_quantity(given["quantity"].strip())
    if given["paid_by"] not in MEANS:
        raise UnusableField("paid_by: choose cash, transfer or complimentary")
    means = PaymentMeans(given["paid_by"])
    guests = [
        parse_guest(event, Place(kind.id, number), name=name, email="", answers={})
        for number, name in enumerate(given["guests"].splitlines(), start=1)
        if name.strip()
    ]
    if not given["name"].strip():
        raise UnusableField("name is empty: write the name of the buyer")
    sale = BoxOfficeSale(
        [Selection(kind.id, quantity)], means, require_reason(given), given["name"].strip(),
        given["email"].strip(), given["phone"].strip(), guests,
    )  # fmt: skip
    price = Rupiah(0) if means is PaymentMeans.COMPLIMENTARY else kind.price
    return sale, price * quantity


def _parse_quantity(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_QUANTITY:
        raise UnusableField(f"quantity: {text!r} is not a whole number from 1 to {MAX_QUANTITY}")
    return int(text)


def _require_key(fields: Mapping[str, str]) -> str:
    key = fields.get("key", "")
    if not re.fullmatch(r"[0-9a-f-]{36}", key):
        raise UnusableField("key: this form is incomplete; show the plan again")
    return key


def _require_shown_amount(fields: Mapping[str, str], amount: Rupiah) -> None:
    """Refuse a price that has changed since the plan: the buyer has paid the other one."""
    if fields.get("amount") != str(amount.amount):
        raise UnusableField(
            f"amount: the price is now {amount}; look into the list of orders whether this was sold"
            " before, and show the plan again"
        )


def _list_offers(page: ConsolePage, event: Event) -> list[TicketTypeListing]:
    return [one for one in list_ticket_types(page.services.database, event) if one.on_sale]


def _render(
    page: ConsolePage,
    caller: Caller,
    event: Event,
    fields: Mapping[str, str],
    *,
    status: int = 200,
    problem: str = "",
    sale: BoxOfficeSale | None = None,
    amount: Rupiah | None = None,
) -> Response:
    offers = _list_offers(page, event)
    given = EMPTY | {name: fields[name] for name in EMPTY if name in fields}
    names = {str(one.id): one.name for one in offers}
    return page.render(
        "box_office.html.j2", caller, status=status, event=event, problem=problem, given=given,
        offers=offers, means=MEANS, sale=sale, amount=amount, key=str(uuid4()),
        type_name=names.get(given["type"], ""),
    )  # fmt: skip
