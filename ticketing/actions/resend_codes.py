"""A purchase's codes are sent once more, because a person says so."""

from datetime import datetime
from http import HTTPStatus

from ticketing.actions import delivery_desk
from ticketing.actions.voucher_desk import Handed, handed
from ticketing.domain.deliveries import Channel
from ticketing.domain.errors import Refused
from ticketing.domain.vouchers import PurchaseState
from ticketing.store.database import Database


class NothingToSend(Refused):
    """A purchase's codes cannot be sent, or are being sent; the message says what helps."""

    status = HTTPStatus.CONFLICT


def resend_codes(database: Database, order_id: int, *, at: datetime, by: str) -> Handed:
    """Send them at once by the channel that was tried last. Raises UnknownPurchase.

    What waits to be sent anyway is only brought forward; what a vendor has taken goes once more.
    """
    known = handed(database, order_id)
    by_channel = [one for one in known.deliveries if one.channel is not Channel.LINK]
    if not by_channel:
        _explain(known)
        return known
    try:
        delivery_desk.resend(database, by_channel[-1].id, at=at, by=by)
    except Refused as why:  # it is being sent at this moment
        raise NothingToSend(f"{known.purchase.code}: {why}") from why
    return handed(database, order_id)


def _explain(known: Handed) -> None:
    """Raises NothingToSend unless the message waits for somebody to take it."""
    purchase = known.purchase
    if known.deliveries:
        raise NothingToSend(
            f"the buyer of {purchase.code} can be reached by no channel; hand on the order's page"
        )
    if purchase.state is not PurchaseState.COMPLETED:
        raise NothingToSend(
            f"{purchase.code} is {purchase.state}, with {purchase.served} of {purchase.ordered}"
            f" vouchers: POST /voucher/api/regenerate-voucher/{purchase.id} when it is paid"
        )
