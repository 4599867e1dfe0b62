"""Snap requests: validation and the resulting payment page."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simulators.http import Json
from simulators.midtrans.methods import PaymentMethod, enabled_methods
from simulators.midtrans.refusals import SnapRefusal

_ORDER_ID = re.compile(r"[A-Za-z0-9_~.-]{1,50}")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_DAY_SECONDS = 86400
_MAX_NAME_LENGTH = 50
_MAX_TEXT_LENGTH = 255
_CUSTOM_FIELDS = ("custom_field1", "custom_field2", "custom_field3")


@dataclass(slots=True)
class SnapSession:
    """Payment page; open until it is paid, cancelled, replaced or expired."""

    token: str
    order_id: str
    amount: int  # rupiah
    request: Json
    opened: datetime
    notify: tuple[str, ...]
    canceled: bool = False
    replaced: bool = False
    custom: Json = field(default_factory=dict)

    @property
    def methods(self) -> list[PaymentMethod]:
        """Return the offered payment methods."""
        names = self.request.get("enabled_payments")
        return enabled_methods([str(name) for name in names] if isinstance(names, list) else [])

    @property
    def page_expires_at(self) -> datetime:
        """Return the time at which the page closes if no method is chosen; one day by default."""
        own = self.request.get("page_expiry")
        if isinstance(own, dict):
            return self.opened + _duration(own)
        return self.payment_expires_at(self.opened) or self.opened + timedelta(seconds=_DAY_SECONDS)

    def payment_expires_at(self, chosen: datetime) -> datetime | None:
        """Return the expiry of a payment started at `chosen`; None means the method's default."""
        expiry = self.request.get("expiry")
        if not isinstance(expiry, dict):
            return None
        start = _start_time(expiry.get("start_time")) or chosen
        return start + _duration(expiry)

    @property
    def finish_url(self) -> str:
        """Return the URL to which the browser returns; empty if the merchant set none."""
        callbacks = self.request.get("callbacks")
        return str(callbacks.get("finish", "")) if isinstance(callbacks, dict) else ""


def create_session(request: Json, token: str, at: datetime, notify: tuple[str, ...]) -> SnapSession:
    """Create the page of a request; raise SnapRefusal listing every problem."""
    problems = validate_order(request)
    if problems:
        raise SnapRefusal(400, *problems)
    details = get_object(request, "transaction_details")
    custom = {name: request[name] for name in _CUSTOM_FIELDS if request.get(name)}
    if isinstance(request.get("metadata"), dict):
        custom["metadata"] = request["metadata"]
    amount = details["gross_amount"]
    assert isinstance(amount, int)  # noqa: S101 - validated above
    return SnapSession(token, str(details["order_id"]), amount, request, at, notify, custom=custom)


def get_object(request: Json, name: str) -> Json:
    """Return an object in a request, empty if it is absent."""
    value = request.get(name)
    return value if isinstance(value, dict) else {}


def validate_order(request: Json) -> list[str]:
    """Return the problems of a request's order."""
    details = get_object(request, "transaction_details")
    if not details:
        return ["transaction_details is required"]
    return [
        *_order_id_problems(details.get("order_id")),
        *_amount_problems(details.get("gross_amount")),
        *_item_problems(request.get("item_details"), details.get("gross_amount")),
        *_expiry_problems("expiry", request.get("expiry")),
        *_expiry_problems("page_expiry", request.get("page_expiry")),
        *(
            f"{name} too long, max length is {_MAX_TEXT_LENGTH}"
            for name in _CUSTOM_FIELDS
            if len(str(request.get(name, ""))) > _MAX_TEXT_LENGTH
        ),
    ]


def _order_id_problems(order_id: object) -> list[str]:
    if not order_id:
        return ["transaction_details.order_id is required"]
    if not isinstance(order_id, str) or not _ORDER_ID.fullmatch(order_id):
        return ["transaction_details.order_id must be 1-50 of letters, digits, - _ ~ ."]
    return []


def _amount_problems(amount: object) -> list[str]:
    if amount is None:
        return ["transaction_details.gross_amount is required"]
    if not isinstance(amount, int) or isinstance(amount, bool):
        return ["transaction_details.gross_amount must be an integer"]
    return [] if amount > 0 else ["transaction_details.gross_amount must be greater than 0"]


def _item_problems(items: object, amount: object) -> list[str]:
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return ["item_details must be a list of items"]
    problems = [
        problem for place, item in enumerate(items) for problem in _one_item_problems(place, item)
    ]
    if not problems and sum(item["price"] * item["quantity"] for item in items) != amount:
        return ["transaction_details.gross_amount is not equal to the sum of item_details"]
    return problems


def _one_item_problems(place: int, item: Json) -> list[str]:
    name, price, quantity = item.get("name"), item.get("price"), item.get("quantity")
    problems = []
    if not name:
        problems.append(f"item_details[{place}].name is required")
    elif len(str(name)) > _MAX_NAME_LENGTH:
        problems.append(f"item_details[{place}].name too long, max length is {_MAX_NAME_LENGTH}")
    if not isinstance(price, int):
        problems.append(f"item_details[{place}].price must be an integer")
    if not isinstance(quantity, int) or quantity < 1:
        problems.append(f"item_details[{place}].quantity must be greater than 0")
    return problems


def _expiry_problems(name: str, expiry: object) -> list[str]:
    if expiry is None:
        return []
    if not isinstance(expiry, dict):
        return [f"{name} must be an object"]
    problems = []
    if str(expiry.get("unit", "")).removesuffix("s") not in _UNITS:
        problems.append(f"{name}.unit must be minute, hour or day")
    if not isinstance(expiry.get("duration"), int) or expiry["duration"] < 1:
        problems.append(f"{name}.duration must be greater than 0")
    if expiry.get("start_time") and _start_time(expiry["start_time"]) is None:
        problems.append(f"{name}.start_time must be of format yyyy-MM-dd HH:mm:ss Z")
    return problems


def _duration(expiry: Json) -> timedelta:
    seconds = _UNITS[str(expiry["unit"]).removesuffix("s")]
    return timedelta(seconds=seconds * int(str(expiry["duration"])))


def _start_time(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None
