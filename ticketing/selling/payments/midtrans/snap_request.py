"""What a buyer is to pay, and the request for a page to pay it on."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.platform.kernel.money import ZERO, Rupiah, total
from ticketing.selling.payments.midtrans.notification import JAKARTA, Json

_LONGEST_NAME = 50


@dataclass(frozen=True, slots=True)
class CheckoutItem:
    """One line of what the buyer sees and pays."""

    id: str
    name: str
    price: Rupiah
    quantity: int


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """One payment attempt to be made. It ends `minutes` after `starts_at`, whatever the method."""

    order_id: str  # the attempt's key: of one length, since the signature joins it to the amount
    items: tuple[CheckoutItem, ...]
    starts_at: datetime
    minutes: int
    discount: Rupiah = ZERO
    name: str = ""
    email: str = ""
    phone: str = ""
    methods: tuple[str, ...] = ()  # empty: all that the merchant has
    finish_url: str = ""

    @property
    def amount(self) -> Rupiah:
        """What is to be paid."""
        return total(item.price * item.quantity for item in self.items) - self.discount


def to_snap_body(checkout: CheckoutRequest) -> Json:
    """The body Snap wants; longer names of items are cut."""
    items: list[Json] = [
        {
            "id": item.id,
            "name": item.name[:_LONGEST_NAME],
            "price": item.price.amount,
            "quantity": item.quantity,
        }
        for item in checkout.items
    ]
    if checkout.discount != ZERO:
        off = -checkout.discount.amount
        items.append({"id": "DISCOUNT", "name": "Discount", "price": off, "quantity": 1})
    lasts = {"unit": "minute", "duration": checkout.minutes}
    starts = checkout.starts_at.astimezone(JAKARTA).strftime("%Y-%m-%d %H:%M:%S %z")
    buyer = {"first_name": checkout.name, "email": checkout.email, "phone": checkout.phone}
    return {
        "transaction_details": {
            "order_id": checkout.order_id,
            "gross_amount": checkout.amount.amount,
        },
        "item_details": items,
        "customer_details": {name: text for name, text in buyer.items() if text},
        "credit_card": {"secure": True},
        # without a start the clock of the method begins when it is chosen, after our hold ended
        "expiry": {"start_time": starts, **lasts},
        "page_expiry": lasts,
        **({"enabled_payments": list(checkout.methods)} if checkout.methods else {}),
        **({"callbacks": {"finish": checkout.finish_url}} if checkout.finish_url else {}),
    }
