"""What a buyer is told of vouchers that are ready; codes are read when it is written only."""

from itertools import accumulate

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    event_variables,
    reject_message,
)
from ticketing.notifications.messages.message import Deferred, Rejected
from ticketing.notifications.messages.template_samples import TemplateValue
from ticketing.orders import queries as order_queries
from ticketing.platform.kernel.local_dates import format_instant
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import Package, ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.queries import Voucher

_IN_PROGRESS_STATES = {VoucherState.PENDING, VoucherState.PROVISIONING}
_MAX_CHAT_CHARACTERS = 600  # characters of codes: Meta's limit for a whole text is 1024


def draft_voucher_message(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected | Deferred:
    """The codes of an order, all of them or not yet."""
    order = order_queries.get_by_code(connection, claimed.subject)
    known = voucher_queries.list_of_order(connection, order.id)
    if any(one.state in _IN_PROGRESS_STATES for one in known):
        return Deferred("a voucher is being made once more", "voucher")
    present = [one for one in known if one.state is VoucherState.ACTIVE]
    if not present:
        return reject_message(f"order {order.code} has no vouchers any more")
    brought = package_queries.find_by_ticket_types(
        connection, sorted({one.ticket_type_id for one in present})
    )
    name = order.buyer.name if order.buyer else ""
    facts = event_variables(context, event) | {"name": name, "network": event.name}
    del facts["eventName"]
    text, more = _choose_template(order.code, brought)
    codes = [_format_voucher(event, one, brought) for one in present]
    shown = codes if claimed.channel is Channel.MAIL else _truncate_codes(codes)
    return MessageDraft(text, facts | more | {"codes": shown})


def _choose_template(
    order_code: str, packages_by_type: dict[int, StoredPackage]
) -> tuple[str, dict[str, TemplateValue]]:
    """The text: what counts for all codes is said once, else each says what it is."""
    only = _single_package(packages_by_type)
    if only is None:
        return "vouchers_ready", {"orderCode": order_code}
    return "voucher_ready", {"packageName": only.name, "validity": only.validity}


def _single_package(packages_by_type: dict[int, StoredPackage]) -> Package | None:
    """The one package there is, if it counts from the first use."""
    (first, *more) = packages_by_type.values()
    counts_from_use = first.package.counting is ValidityStart.FROM_FIRST_USE
    return first.package if counts_from_use and not more else None


def format_credentials(voucher: Voucher) -> str:
    """What a buyer types: the code, and its password where it has one of its own."""
    name, password = voucher.credentials.name, voucher.credentials.password
    return name if name == password else f"{name} / {password}"


def _format_voucher(
    event: Event, voucher: Voucher, packages_by_type: dict[int, StoredPackage]
) -> str:
    code, package = format_credentials(voucher), packages_by_type[voucher.ticket_type_id].package
    if _single_package(packages_by_type) is not None:
        return code
    if package.counting is ValidityStart.FROM_FIRST_USE or voucher.ends_at is None:
        return f"{code} - {package.name}"
    ends = format_instant(voucher.ends_at, event.time_zone, event.locale)
    return f"{code} - {package.name} - {ends}"


def _truncate_codes(codes: list[str]) -> list[str]:
    """As many as a chat carries, and how many more there are: the order's page has them."""
    lengths = accumulate(len(code) + 2 for code in codes)
    fit = sum(length <= _MAX_CHAT_CHARACTERS for length in lengths)
    return codes if fit == len(codes) else [*codes[:fit], f"… +{len(codes) - fit}"]
