"""The ready message of vouchers. Codes are read from the database only when it is composed."""

from collections.abc import Sequence

from sqlalchemy import Connection

from ticketing.documents.voucher_list_pdf import VoucherGroup, render_voucher_list_pdf
from ticketing.events.model import Event
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    event_variables,
    reject_message,
)
from ticketing.notifications.messages.message import Attachment, Deferred, Rejected
from ticketing.notifications.messages.template_samples import TemplateValue
from ticketing.notifications.messages.templates import language_for_locale
from ticketing.orders import queries as order_queries
from ticketing.platform.kernel.local_dates import format_instant
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import UNPLACED_STATES, Package, ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.queries import Voucher

_MAX_CHAT_CHARACTERS = 600  # of codes and terms; Meta limits the whole text to 1024


def draft_voucher_message(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected | Deferred:
    """Return the codes of an order, or Deferred while a voucher is not yet active."""
    order = order_queries.get_by_code(connection, claimed.subject)
    known = voucher_queries.list_of_order(connection, order.id)
    if any(one.state in UNPLACED_STATES for one in known):
        return Deferred("a voucher is being created again", "voucher")
    present = [one for one in known if one.state is VoucherState.ACTIVE]
    if not present:
        return reject_message(f"order {order.code} has no active vouchers")
    packages_by_type = package_queries.find_by_ticket_types(
        connection, sorted({one.ticket_type_id for one in present})
    )
    name = order.buyer.name if order.buyer else ""
    facts = event_variables(context, event) | {"name": name, "network": event.name}
    facts |= {"url": context.order_page_url(order)}
    del facts["eventName"]
    codes = [_format_voucher(event, one, packages_by_type) for one in present]
    groups = group_by_terms(event, present, packages_by_type)
    if sum(map(_listed_length, groups)) > _MAX_CHAT_CHARACTERS:
        return _draft_document(facts, event, order.code, codes, groups)
    text, more = _choose_template(order.code, packages_by_type)
    if claimed.channel is not Channel.MAIL and text == "vouchers_ready":
        codes = [f"{group.terms}: {', '.join(group.codes)}" for group in groups]
    return MessageDraft(text, facts | more | {"codes": codes})


def _listed_length(group: VoucherGroup) -> int:
    return len(group.terms) + sum(len(code) + 2 for code in group.codes)


def _draft_document(
    facts: dict[str, TemplateValue],
    event: Event,
    order_code: str,
    codes: Sequence[str],
    groups: Sequence[VoucherGroup],
) -> MessageDraft:
    """Return one message with all codes in a document: it arrives as a whole or not at all."""
    language = language_for_locale(event.locale)
    content = render_voucher_list_pdf(
        language, network=event.name, order_code=order_code, groups=groups
    )
    more: dict[str, TemplateValue] = {
        "orderCode": order_code, "number": len(codes), "codes": codes,
    }  # fmt: skip
    attachment = Attachment(f"Voucher {order_code}.pdf", content)
    return MessageDraft("vouchers_document", facts | more, (attachment,))


def _choose_template(
    order_code: str, packages_by_type: dict[int, StoredPackage]
) -> tuple[str, dict[str, TemplateValue]]:
    """Return the template: a common package is named once, else each code names its own."""
    only = _single_package(packages_by_type)
    if only is None:
        return "vouchers_ready", {"orderCode": order_code}
    return "voucher_ready", {"packageName": only.name, "validity": only.validity}


def _single_package(packages_by_type: dict[int, StoredPackage]) -> Package | None:
    """Return the only package, if its validity counts from the first use."""
    (first, *more) = packages_by_type.values()
    counts_from_use = first.package.validity_start is ValidityStart.FROM_FIRST_USE
    return first.package if counts_from_use and not more else None


def group_by_terms(
    event: Event, present: Sequence[Voucher], packages_by_type: dict[int, StoredPackage]
) -> list[VoucherGroup]:
    """Return the vouchers by package and end, so that both are written once."""
    codes_by_terms: dict[str, list[str]] = {}
    for one in present:
        terms = _format_terms(event, one, packages_by_type[one.ticket_type_id].package)
        codes_by_terms.setdefault(terms, []).append(format_credentials(one))
    return [VoucherGroup(terms, codes) for terms, codes in codes_by_terms.items()]


def _format_terms(event: Event, voucher: Voucher, package: Package) -> str:
    if package.validity_start is ValidityStart.FROM_FIRST_USE or voucher.expires_at is None:
        return package.name
    return f"{package.name} - {format_instant(voucher.expires_at, event.time_zone, event.locale)}"


def format_credentials(voucher: Voucher) -> str:
    """Return the code, followed by the password if it is different."""
    name, password = voucher.credentials.name, voucher.credentials.password
    return name if name == password else f"{name} / {password}"


def _format_voucher(
    event: Event, voucher: Voucher, packages_by_type: dict[int, StoredPackage]
) -> str:
    code, package = format_credentials(voucher), packages_by_type[voucher.ticket_type_id].package
    if _single_package(packages_by_type) is not None:
        return code
    return f"{code} - {_format_terms(event, voucher, package)}"
