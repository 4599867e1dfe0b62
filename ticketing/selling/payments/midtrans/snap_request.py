"""The request for a checkout session, and its JSON for Snap."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.platform.kernel.money import ZERO, Rupiah, total
from ticketing.selling.payments.midtrans.notification import JAKARTA, Json

_LONGEST_NAME = 50


@dataclass(frozen=True, slots=True)
class CheckoutItem:
    """One line of the checkout session."""

    id: str
    name: str
    price: Rupiah
    quantity: int


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A payment attempt to be created. It ends `minutes` after `starts_at` for every method."""

    order_id: str  # the attempt's key, of fixed length: the signature joins it to the amount
    items: tuple[CheckoutItem, ...]
    starts_at: datetime
    minutes: int
    discount: Rupiah = ZERO
    name: str = ""
    email: str = ""
    phone: str = ""
    methods: tuple[str, ...] = ()  # empty: all methods of the merchant
    finish_url: str = ""

    @property
    def amount(self) -> Rupiah:
        """Return the amount to be paid."""
        return total(item.price * item.quantity for item in self.items) - self.discount


def to_snap_body(checkout: CheckoutRequest) -> Json:
    """Return the JSON body for Snap; long item names are cut."""
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
        discount = -checkout.discount.amount
        items.append({"id": "DISCOUNT", "name": "Discount", "price": discount, "quantity": 1})
    period = {"unit": "minute", "duration": checkout.minutes}
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
        "custom_field1": checkout.order_id,  # repeated in answers, some of which omit the order id
        # without a start the period begins when a method is chosen, and exceeds our reservation
        "expiry": {"start_time": starts, **period},
        "page_expiry": period,
        **({"enabled_payments": list(checkout.methods)} if checkout.methods else {}),
        **({"callbacks": {"finish": checkout.finish_url}} if checkout.finish_url else {}),
    }
