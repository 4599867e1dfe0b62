"""All errors of the application as one tree, with the HTTP status of each.

`Refused` means that the caller must change something, `Unavailable` that retrying can help. The
class name is the error's code; the message names the subject and its value, and says what to do.
"""

import re
from http import HTTPStatus
from typing import ClassVar

RETRY_AFTER_SECONDS = 5


class TicketingError(Exception):
    """Base class of all errors of the application.

    `details` are for programs: ids, counts, names of fields; never personal data.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR  # of the HTTP response
    retry_after: ClassVar[int | None] = None  # seconds; `details["retryAfter"]` takes precedence

    def __init__(self, message: str = "", **details: object) -> None:
        """Create the error with a message for people and details for programs."""
        super().__init__(message)
        self.details = details

    @property
    def code(self) -> str:
        """Return the class name as a constant for programs: `unknown_event`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()


class Refused(TicketingError):
    """The caller must change something; repeating the same call gives the same error."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotFound(Refused):
    """The requested object does not exist."""

    status = HTTPStatus.NOT_FOUND


class Conflict(Refused):
    """The present state does not allow it."""

    status = HTTPStatus.CONFLICT


class UnknownEvent(NotFound):
    """No event has that slug or id."""


class UnknownWaitingEntry(NotFound):
    """No entry of a waiting list has that id or link."""


class UnknownIncident(NotFound):
    """No open incident has that cause."""


class UnknownRule(NotFound):
    """No sending rule has that id."""


class UnusableTime(Refused):
    """A local time does not exist in its zone; the message names the field and the gap."""


class UnreadableFile(Refused):
    """The roster file cannot be read as a table of people."""


class UnusableMapping(Refused):
    """The columns of the roster do not provide the required fields."""


class UnsafeWithdrawal(Refused):
    """People missing from the roster cannot be distinguished from its rejected rows."""


class TemplateBroken(Refused):
    """A ticket template is broken; the message has file, line and reason."""


class UndrawableText(Refused):
    """A character is in no installed font; the message says which."""


class TextDoesNotFit(Refused):
    """A text is too long for its box on the ticket."""


class UnreadableToken(Refused):
    """The text of a QR code is not a ticket token."""


class UnreadableCode(Refused):
    """A text is not a ticket code, or is mistyped."""


class AlreadyExists(Conflict):
    """Something of this name exists; the message names the command that changes it."""


class PlanOutdated(Conflict):
    """The data changed since the plan was made; plan again."""


class TicketNotStored(Refused):
    """The database refused a ticket; the message never contains a token."""


class IdentityTaken(TicketNotStored):
    """A generated code or token exists already; generate another one."""


class NotMoney(Refused):
    """An amount is not a whole number of rupiah, zero or more."""


class ImpossibleTransition(Conflict):
    """The state of an order or delivery does not allow the requested transition."""


class BuyerUnknown(Conflict):
    """An order cannot be paid before its buyer is known."""


class UnusableBuyer(Refused):
    """The name, e-mail or phone of a buyer is invalid; the message names the field."""


class UnusableGuest(Refused):
    """The name, e-mail or answers of a guest are invalid; the message names place and field."""


class GuestNamesMissing(Conflict):
    """The event requires a name for every place; the message says how many are missing."""


class GuestChangesClosed(Conflict):
    """The time for changing the guests of an order is over."""


class PaymentUnderWay(Conflict):
    """A payment of the order is in progress; wait for its result."""

    retry_after = RETRY_AFTER_SECONDS


class UnknownOrder(NotFound):
    """No order has that code or token."""


class NotOnSale(Conflict):
    """The ticket types or quantities of an order are not on sale."""


class SoldOut(NotOnSale):
    """Fewer places are left than requested; the details say how many."""


class LimitExceeded(NotOnSale):
    """The order exceeds the limit per order, per buyer, or of unpaid places."""


class PromoRefused(Refused):
    """The promo code is not valid for this order or at this time."""


class PartsRefused(NotOnSale):
    """The order cannot be paid in these instalments."""


class CapacityTaken(Refused):
    """The capacity is below the number of places reserved and sold."""


class RefundRefused(Conflict):
    """The refund is not possible; the message says what is."""


class GatewayRefused(Refused):
    """The payment gateway refused a request; `details["status"]` is its status code."""

    status = HTTPStatus.BAD_GATEWAY


class UnreadableNotification(Refused):
    """A payment notification is malformed; the message says what is wrong."""

    status = HTTPStatus.BAD_REQUEST


class SignatureMismatch(Refused):
    """The signature of a payment notification is wrong."""

    status = HTTPStatus.FORBIDDEN


class UnknownRouter(Refused):
    """No router has that name."""


class UnusableRouter(Refused):
    """The name, address or certificate of a router is invalid; the message names the field."""


class RouterNeeded(Refused):
    """The router has packages or vouchers; the message says which and how many."""


class UnknownPackage(Refused):
    """No voucher package has that code."""


class UnusablePackage(Refused):
    """The parameters of a voucher package are invalid."""


class UnusableCodeRule(Refused):
    """The format of voucher codes is ambiguous for routers or easy to guess."""


class NothingOwed(Conflict):
    """The order is not paid or contains no vouchers."""


class StillOwed(Conflict):
    """The vouchers belong to an order that is paid or can still be paid."""


class RouterRefused(Refused):
    """The router refused a request; `details["reason"]` is one of the known reasons."""


class NameTaken(RouterRefused):
    """A row of that name exists on the router; read it to find out its owner."""


class UnreadableReport(Refused):
    """A delivery receipt or a bounce is malformed; the message says what is wrong."""


class Misconfigured(Refused):
    """A setting is missing or invalid; the message names it and says what to do."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR  # the operator has to act, not the caller


class Unavailable(TicketingError):
    """A required system is not ready; retrying can help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = RETRY_AFTER_SECONDS


class GatewayUnavailable(Unavailable):
    """The payment gateway gave no usable response; retry later."""


class RouterUnavailable(Unavailable):
    """The router gave no usable response; repeating the request is safe."""


class OutcomeUnknown(Unavailable):
    """The effect of a request to the router is unknown: read it back before a retry."""


class ImportUnderWay(Unavailable):
    """Another import for the same event is in progress."""


class ImportOvertaken(Unavailable):
    """The guests were changed, or the import was closed, while it was written."""
