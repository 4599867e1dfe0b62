"""A charge without a page: which way to pay a request names, and what is wrong with it."""

from dataclasses import dataclass

from simulators.http import Json
from simulators.midtrans.cards import outcome_of
from simulators.midtrans.methods import METHODS
from simulators.midtrans.refusals import INVALID, CoreRefusal
from simulators.midtrans.snap import get_object, validate_order

_BY_TYPE = {"qris": "other_qris"}


@dataclass(frozen=True, slots=True)
class Charge:
    """What is asked for. `outcome` is what a card's number decides; "" waits for the buyer."""

    request: Json
    method: str
    outcome: str

    @property
    def order_id(self) -> str:
        """The merchant's name for it."""
        return str(get_object(self.request, "transaction_details")["order_id"])


def parse_charge(request: Json) -> Charge:
    """The charge a request asks for; refuses with everything that is wrong at once."""
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
    """The name of the way to pay, as `enabled_payments` has it."""
    kind = str(request.get("payment_type", ""))
    if kind == "bank_transfer":
        return f"{get_object(request, kind).get('bank', '')}_va"
    if kind == "cstore":
        return str(get_object(request, kind).get("store", ""))
    return _BY_TYPE.get(kind, kind)
