"""Everything the box office can refuse, as one tree.

    TicketingError
    ├── Refused              the caller must change something; trying again as is cannot help
    │   ├── UnknownEvent         no event has that slug or id
    │   ├── UnreadableFile       the roster file cannot be understood as a table of people
    │   ├── UnusableMapping      the columns do not lead to the fields that are needed
    │   ├── UnsafeWithdrawal     who is absent from a roster cannot be told from who is illegible
    │   ├── TemplateBroken       a ticket template cannot be used; says file and line
    │   ├── UndrawableText       a character that no installed font can draw
    │   ├── TextDoesNotFit       a text too long for its place on the ticket
    │   ├── UnreadableToken      a QR text that is not one of our tokens
    │   ├── UnreadableCode       a text that is not a ticket code, or a mistyped one
    │   ├── PlanOutdated         the world moved since the plan was made; plan again
    │   ├── TicketNotStored      the database refused a ticket; names the rule
    │   │   └── IdentityTaken        a code or token just drawn is another ticket's; draw again
    │   ├── NotMoney             an amount that is not a whole number of rupiah
    │   ├── ImpossibleTransition something cannot go from its state to the one asked for
    │   ├── BuyerUnknown         an order cannot be paid before somebody buys it
    │   ├── UnusableBuyer        a buyer's name, e-mail or phone cannot be what was said
    │   ├── PaymentUnderWay      an order is being paid or about to be; wait for how it ends
    │   ├── UnknownOrder         no order has that code or token
    │   ├── NotOnSale            an order names ticket types or numbers that are not sold so
    │   │   ├── SoldOut              fewer places are left than asked for; says how many
    │   │   ├── LimitExceeded        more places than one order or one buyer may have
    │   │   └── PartsRefused         an order cannot be paid in these parts, or in none like them
    │   ├── PromoRefused         a promo code that does not apply here, now, or any more
    │   ├── CapacityTaken        a capacity below the places that are held and sold
    │   ├── RefundRefused        money cannot go back like this; says what can
    │   ├── GatewayRefused       the payment gateway will not; `status` is its reason's number
    │   ├── UnreadableNotification a payment notification that the gateway would not send
    │   ├── UnreadableReport     a delivery report or a bounce that makes no sense
    │   ├── SignatureMismatch    a payment notification that the gateway did not sign
    │   ├── UnknownRouter        no router has that name
    │   ├── UnusableRouter       a router's name or address that cannot be
    │   ├── RouterNeeded         a router that packages or vouchers still stand on
    │   ├── UnknownPackage       no voucher package has that code
    │   ├── UnusablePackage      a voucher package that no router could carry out
    │   ├── UnusableCodeRule     voucher codes that a router misreads or a stranger guesses
    │   ├── NothingOwed          an order that nobody has paid for, or that is of no vouchers
    │   ├── StillOwed            vouchers that a buyer may still get are no leftovers
    │   ├── RouterRefused        the router will not; `reason` says which of the known ones
    │   │   └── NameTaken            a row of that name is on the router; look whose it is
    │   └── Misconfigured        a setting is missing or wrong; names it
    └── Unavailable          the world is not ready (database, disk); trying again can help
        ├── GatewayUnavailable   the payment gateway gave no answer, or none that makes sense
        ├── RouterUnavailable    the router gave no answer; to ask again does no harm
        ├── OutcomeUnknown       the router was asked, and is silent on what it did; read back
        ├── ImportUnderWay       another import for the event has not ended; names it
        └── ImportOvertaken      the people changed while they were imported; run it again

Names are statements. The message names the subject, the value and the way out.
"""

import re
from http import HTTPStatus
from typing import ClassVar

RETRY_AFTER_SECONDS = 5


class TicketingError(Exception):
    """The root: any statement of the box office that something is not as it should be.

    `details` are facts for machines: ids, counts, names of fields; never anything private.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR  # of an HTTP answer
    retry_after: ClassVar[int | None] = None  # seconds; `details["retryAfter"]` is more exact

    def __init__(self, message: str = "", **details: object) -> None:
        """Take the sentence for people, and the facts in it for machines."""
        super().__init__(message)
        self.details = details

    @property
    def code(self) -> str:
        """The statement as a constant for machines: `unknown_event`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()


class Refused(TicketingError):
    """The caller must change something; the same call again ends the same."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnknownEvent(Refused):
    """No event has that slug or id."""

    status = HTTPStatus.NOT_FOUND


class UnreadableFile(Refused):
    """The roster file cannot be understood as a table of people."""


class UnusableMapping(Refused):
    """The columns do not lead to the fields that are needed."""


class UnsafeWithdrawal(Refused):
    """Who is absent from the roster cannot be told apart from who is illegible in it."""


class TemplateBroken(Refused):
    """A ticket template cannot be used; the message says file, line and why."""


class UndrawableText(Refused):
    """A character that no installed font can draw; the message says which."""


class TextDoesNotFit(Refused):
    """A text too long for its place on the ticket."""


class UnreadableToken(Refused):
    """A QR text that is not one of our tokens."""


class UnreadableCode(Refused):
    """A text that is not a ticket code, or a mistyped one."""


class PlanOutdated(Refused):
    """The world moved since the plan was made; plan again."""

    status = HTTPStatus.CONFLICT


class TicketNotStored(Refused):
    """The database refused a ticket; the message names the rule and never a token."""


class IdentityTaken(TicketNotStored):
    """A code or token just drawn is another ticket's already; draw again."""


class NotMoney(Refused):
    """An amount that is not a whole number of rupiah, zero or more."""


class ImpossibleTransition(Refused):
    """An order or a delivery cannot go from the state it is in to the one asked for."""

    status = HTTPStatus.CONFLICT


class BuyerUnknown(Refused):
    """An order cannot be paid before somebody buys it; name the buyer first."""

    status = HTTPStatus.CONFLICT


class UnusableBuyer(Refused):
    """A buyer's name, e-mail or phone cannot be what was said; the message names the field."""


class PaymentUnderWay(Refused):
    """An order is being paid, or is about to be; wait for how that ends."""

    status = HTTPStatus.CONFLICT
    retry_after = RETRY_AFTER_SECONDS


class UnknownOrder(Refused):
    """No order has that code or token."""

    status = HTTPStatus.NOT_FOUND


class NotOnSale(Refused):
    """An order names ticket types or numbers that are not sold so."""

    status = HTTPStatus.CONFLICT


class SoldOut(NotOnSale):
    """Fewer places are left than asked for; the details say how many."""


class LimitExceeded(NotOnSale):
    """More places than one order or one buyer may have."""


class PromoRefused(Refused):
    """A promo code that does not apply here, now, or any more."""


class PartsRefused(NotOnSale):
    """An order cannot be paid in these parts, or in none like them."""


class CapacityTaken(Refused):
    """A capacity below the places that are held and sold already."""


class RefundRefused(Refused):
    """Money cannot go back like this; the message says what can."""

    status = HTTPStatus.CONFLICT


class GatewayRefused(Refused):
    """The payment gateway will not do this; `details["status"]` is its reason's number."""

    status = HTTPStatus.BAD_GATEWAY


class UnreadableNotification(Refused):
    """A payment notification that the gateway would not send; the message says what is wrong."""

    status = HTTPStatus.BAD_REQUEST


class SignatureMismatch(Refused):
    """Whoever sent the payment notification does not know the server key."""

    status = HTTPStatus.FORBIDDEN


class UnknownRouter(Refused):
    """No router has that name."""


class UnusableRouter(Refused):
    """A router's name, address or certificate cannot be what was said; names the field."""


class RouterNeeded(Refused):
    """Packages are sold on the router, or vouchers are on it; says which and how many."""


class UnknownPackage(Refused):
    """No voucher package has that code."""


class UnusablePackage(Refused):
    """A voucher package that no router could carry out, or nobody could use."""


class UnusableCodeRule(Refused):
    """Voucher codes that a router misreads, or that a stranger could guess."""


class NothingOwed(Refused):
    """An order that nobody has paid for, or that is of no vouchers, is owed none."""

    status = HTTPStatus.CONFLICT


class StillOwed(Refused):
    """Vouchers of an order that is paid, or may be yet, are no leftovers."""

    status = HTTPStatus.CONFLICT


class RouterRefused(Refused):
    """The router will not do this; `details["reason"]` says which of the known reasons it is."""


class NameTaken(RouterRefused):
    """A row of that name is on the router already; only a look at it tells whose it is."""


class UnreadableReport(Refused):
    """A delivery report or a bounce that makes no sense; the message says what is wrong."""


class Misconfigured(Refused):
    """A setting is missing or wrong; the message names it and the way out."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR  # the service's setting, not the caller's


class Unavailable(TicketingError):
    """The world is not ready; trying again can help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = RETRY_AFTER_SECONDS


class GatewayUnavailable(Unavailable):
    """The payment gateway gave no answer, or none that makes sense; ask again later."""


class RouterUnavailable(Unavailable):
    """The router gave no answer; to ask again does no harm."""


class OutcomeUnknown(Unavailable):
    """The router was asked, and is silent on what it did: read back, never guess or repeat."""


class ImportUnderWay(Unavailable):
    """Another import for the same event has not ended."""


class ImportOvertaken(Unavailable):
    """Somebody else changed the people, or closed the import, while it was written."""
