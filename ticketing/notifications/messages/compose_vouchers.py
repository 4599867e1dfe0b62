"""What a buyer is told of vouchers that are ready; codes are read when it is written only."""

from itertools import accumulate

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.notifications.claim_queries import Claimed
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.context import Desk, Draft, event_facts, wrong
from ticketing.notifications.messages.message import Declined, Later
from ticketing.notifications.messages.template_samples import Fact
from ticketing.orders import queries as order_queries
from ticketing.platform.kernel.local_dates import spoken_instant
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import Counting, Package, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.queries import Voucher

_ON_THE_WAY = {VoucherState.OWED, VoucherState.ASKED}
_CHAT_AT_MOST = 600  # characters of codes: Meta's limit for a whole text is 1024


def voucher_message(
    connection: Connection, desk: Desk, event: Event, claimed: Claimed
) -> Draft | Declined | Later:
    """The codes of an order, all of them or not yet."""
    order = order_queries.by_code(connection, claimed.subject)
    known = voucher_queries.of_order(connection, order.id)
    if any(one.state in _ON_THE_WAY for one in known):
        return Later("a voucher is being made once more", "voucher")
    present = [one for one in known if one.state is VoucherState.PRESENT]
    if not present:
        return wrong(f"order {order.code} has no vouchers any more")
    brought = package_queries.of_types(connection, sorted({one.ticket_type_id for one in present}))
    name = order.buyer.name if order.buyer else ""
    facts = event_facts(desk, event) | {"name": name, "network": event.name}
    del facts["eventName"]
    text, more = _told(order.code, brought)
    codes = [_said(event, one, brought) for one in present]
    shown = codes if claimed.channel is Channel.MAIL else _first(codes)
    return Draft(text, facts | more | {"codes": shown})


def _told(order_code: str, brought: dict[int, StoredPackage]) -> tuple[str, dict[str, Fact]]:
    """The text: what counts for all codes is said once, else each says what it is."""
    only = _only(brought)
    if only is None:
        return "vouchers_ready", {"orderCode": order_code}
    return "voucher_ready", {"packageName": only.name, "validity": only.validity}


def _only(brought: dict[int, StoredPackage]) -> Package | None:
    """The one package there is, if it counts from the first use."""
    (first, *more) = brought.values()
    counts_from_use = first.package.counting is Counting.FROM_FIRST_USE
    return first.package if counts_from_use and not more else None


def typed(voucher: Voucher) -> str:
    """What a buyer types: the code, and its password where it has one of its own."""
    name, password = voucher.credentials.name, voucher.credentials.password
    return name if name == password else f"{name} / {password}"


def _said(event: Event, voucher: Voucher, brought: dict[int, StoredPackage]) -> str:
    code, package = typed(voucher), brought[voucher.ticket_type_id].package
    if _only(brought) is not None:
        return code
    if package.counting is Counting.FROM_FIRST_USE or voucher.ends_at is None:
        return f"{code} - {package.name}"
    ends = spoken_instant(voucher.ends_at, event.time_zone, event.locale)
    return f"{code} - {package.name} - {ends}"


def _first(codes: list[str]) -> list[str]:
    """As many as a chat carries, and how many more there are: the order's page has them."""
    lengths = accumulate(len(code) + 2 for code in codes)
    fit = sum(length <= _CHAT_AT_MOST for length in lengths)
    return codes if fit == len(codes) else [*codes[:fit], f"… +{len(codes) - fit}"]
