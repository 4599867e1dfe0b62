"""`ticketing orders correct-contact`."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_result
from ticketing.selling.refunds.cli_outcome import OrderCodeArgument

app = typer.Typer()


@app.command("correct-contact")
def correct_contact(
    code: OrderCodeArgument,
    *,
    contact: Annotated[str, typer.Option(help="The right e-mail address or phone number.")],
    reason: Annotated[str, typer.Option(help="Reason, for the audit log.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Correct the e-mail address or phone number of an order.

    Tickets get new codes, links to the order that were sent before open nothing, and all messages
    are sent again, to the new contact only. Vouchers keep their codes.
    """
    from ticketing.crypto.keyring import KeyRing
    from ticketing.orders.buyer_contact import mask_contacts
    from ticketing.selling.contacts import correct_contact as service

    with open_application() as application:
        order = service.correct_contact(
            application.database, application.get(KeyRing), code, contact,
            reason=reason, at=now(), by=actor(),
        )  # fmt: skip
    contacts = mask_contacts(order)
    line = f"The buyer of {order.code} is reached by {' and '.join(contacts)}."
    print_result({"order": order.code, "contacts": contacts}, line, as_json=as_json)
