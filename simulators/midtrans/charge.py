"""Core API charges: parse and validate the request."""

from dataclasses import dataclass

from simulators.http import Json
from simulators.midtrans.cards import outcome_of
from simulators.midtrans.methods import METHODS
from simulators.midtrans.refusals import INVALID, CoreRefusal
from simulators.midtrans.snap import get_object, validate_order

_BY_TYPE = {"qris": "other_qris"}


@dataclass(frozen=True, slots=True)
class Charge:
    """Validated charge; `outcome` is decided by a card's number, "" waits for the buyer."""

    request: Json
    method: str
    outcome: str

    @property
    def order_id(self) -> str:
        """Return the merchant's order id."""
        return str(get_object(self.request, "transaction_details")["order_id"])


def parse_charge(request: Json) -> Charge:
    """Return the charge of a request; raise CoreRefusal listing every problem."""
    method, outcome = _method_name(request), ""
    problems = validate_order(request)
    if method not in METHODS:
        problems.append("payment_type is not supported")
    elif METHODS[method].is_card:
        outcome = outcome_of(get_object(request, "credit_card").get("token_id")) or ""
        problems.extend([] if outcome else ["credit_card.token_id is invalid"])
    if problems:
        raise CoreRefusal(400, INVALID, *problems)
    return Charge(request, method, outcome)


def _method_name(request: Json) -> str:
    """Return the payment method's name as in `enabled_payments`."""
    kind = str(request.get("payment_type", ""))
    if kind == "bank_transfer":
        return f"{get_object(request, kind).get('bank', '')}_va"
    if kind == "cstore":
        return str(get_object(request, kind).get("store", ""))
    return _BY_TYPE.get(kind, kind)
