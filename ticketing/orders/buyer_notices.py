"""Rules of the notices to a buyer: placed, paid, expired, refunded."""

from collections.abc import Sequence

from ticketing.events.model import BuyerNotices
from ticketing.orders.order import Buyer
from ticketing.platform.db.outbox import NO_FALLBACK

MAX_PLACED_NOTICES = 3  # per order: setting other buyers must not be a way to send mails


def notice_addresses(
    choice: BuyerNotices, buyer: Buyer | None, *, is_required: bool = False
) -> tuple[str, ...]:
    """Return the addresses of a notice by the choice of the event.

    A buyer without an address of the chosen kind is told by the other one. A required notice, such
    as one about returned money, is sent even if the event wants none. A buyer of the box office may
    have no address.
    """
    if buyer is None:
        return ()
    match choice:
        case BuyerNotices.BOTH:
            return tuple(filter(None, (buyer.email, buyer.phone)))
        case BuyerNotices.WHATSAPP:
            return tuple(filter(None, (buyer.phone or buyer.email,)))
        case BuyerNotices.NONE if not is_required:
            return ()
    return tuple(filter(None, (buyer.contact,)))


def notice_payload(order_code: str, addresses: Sequence[str]) -> dict[str, object]:
    """Return the payload of a notice; one of two does not fall back to the other address."""
    return {"order": order_code} | ({NO_FALLBACK: True} if len(addresses) > 1 else {})
