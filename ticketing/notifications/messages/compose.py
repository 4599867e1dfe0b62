"""Composition of outbox messages from current data, in the language of the recipient or the event.

The texts are in templates/messages; this module maps each purpose to its template and variables.
"""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from ticketing.documents.ticket_data import TEST_MARK
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.campaigns.sending_rule import RuleMessage
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.compose_buyer import (
    draft_buyer_notice,
    order_language,
    order_variables,
    reject_former_contact,
)
from ticketing.notifications.messages.compose_contact import draft_contact_code, draft_order_links
from ticketing.notifications.messages.compose_order import draft_order_notice
from ticketing.notifications.messages.compose_organiser import (
    SYSTEM_LANGUAGE,
    draft_batch_report,
    draft_campaign_report,
    draft_export,
    draft_system_message,
)
from ticketing.notifications.messages.compose_vouchers import draft_voucher_message
from ticketing.notifications.messages.compose_waiting_list import WAITING_LIST_DRAFTS
from ticketing.notifications.messages.context import (
    MessageContext,
    MessageDraft,
    drop_overtaken,
    event_variables,
    reject_message,
    schedule_variables,
)
from ticketing.notifications.messages.message import (
    Attachment,
    ChatMessage,
    Deferred,
    FailureScope,
    Mail,
    Rejected,
)
from ticketing.notifications.messages.template_samples import LinkedText
from ticketing.notifications.messages.templates import language_for_locale
from ticketing.orders import queries as order_queries
from ticketing.orders.place_guest import Place
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused, TemplateBroken
from ticketing.platform.kernel.languages import localise
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.order_ticket_queries import OrderTicketFile
from ticketing.tickets.rendering.document_reader import NoDocument

ComposeResult = Mail | ChatMessage | Rejected | Deferred


def compose_message(
    database: Database, context: MessageContext, claimed: ClaimedDelivery
) -> ComposeResult:
    """Return the message for the delivery's channel, or the reason why there is none."""
    try:
        with database.transaction() as connection:
            language, draft = _draft_message(connection, context, claimed)
    except Refused as refusal:
        return reject_message(str(refusal))
    return (
        _render_draft(context, language, draft, claimed.channel)
        if isinstance(draft, MessageDraft)
        else draft
    )


def _draft_message(
    connection: Connection, context: MessageContext, claimed: ClaimedDelivery
) -> tuple[str, MessageDraft | Rejected | Deferred]:
    if claimed.event_slug is None:
        return SYSTEM_LANGUAGE, draft_system_message(connection, context, claimed)
    event = event_queries.get(connection, claimed.event_slug)
    if (rejected := reject_former_contact(connection, claimed)) is not None:
        return SYSTEM_LANGUAGE, rejected
    if order_queries.is_of_rehearsal(connection, claimed.payload.get("order")):
        event = replace(event, name=TEST_MARK + event.name)
    event = replace(event, locale=localise(event.locale, order_language(connection, claimed)))
    write = _DRAFTS_BY_PURPOSE.get(claimed.purpose, draft_order_notice)
    draft = write(connection, context, event, claimed)
    locale = draft.locale if isinstance(draft, MessageDraft) else ""
    return language_for_locale(locale or event.locale), draft


def _render_draft(
    context: MessageContext, language: str, draft: MessageDraft, channel: Channel
) -> ComposeResult:
    messages = context.templates
    try:
        if channel is Channel.MAIL:
            return messages.render_mail(
                draft.template_name, language, draft.variables, attachments=draft.attachments
            )
        file = draft.attachments[0] if draft.attachments else None
        return messages.render_chat(draft.template_name, language, draft.variables, attachment=file)
    except TemplateBroken as error:
        return Rejected(str(error), "text", FailureScope.MESSAGE)


def _draft_order_tickets(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected | Deferred:
    order = order_queries.get_by_code(connection, claimed.subject)
    files = order_ticket_queries.list_order_ticket_files(connection, order.id)
    if not files:
        return reject_message(f"order {order.code} has no valid tickets")
    # a WhatsApp message holds one file, so an order's tickets are links
    attached = _load_attachments(context, files) if claimed.channel is Channel.MAIL else ()
    if not isinstance(attached, tuple):
        return attached
    links = [context.ticket_page_url(file) for file in files]
    tickets = [
        LinkedText(f"{file.guest_name}: {file.ticket_type}, {file.ticket_code}", link)
        for file, link in zip(files, links, strict=True)
    ]
    facts = order_variables(context, event, order) | schedule_variables(event)
    facts |= {"tickets": tickets, "attached": [each.name for each in attached], "url": links[0]}
    return MessageDraft("order_tickets", facts, attached)


def _draft_order_guest_ticket(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected | Deferred:
    """Return the ticket of one place, unless the place has another guest by now."""
    order = order_queries.get_by_code(connection, claimed.subject)
    place = Place(claimed.payload["ticket_type_id"], claimed.payload["number"])
    for file in order_ticket_queries.list_order_ticket_files(connection, order.id):
        if (file.ticket_type_id, file.number, file.guest_email) == (*place, claimed.address):
            return _draft_ticket(context, event, file)
    return drop_overtaken(f"place {place.number} of order {order.code} has another guest by now")


def _draft_campaign_ticket(
    connection: Connection, context: MessageContext, event: Event, claimed: ClaimedDelivery
) -> MessageDraft | Rejected | Deferred:
    if campaign_queries.has_opted_out(connection, claimed.address):
        return Rejected("the recipient has opted out", "opted out", FailureScope.OPTED_OUT)
    file = campaign_queries.find_ticket_file(connection, claimed.subject, claimed.address)
    if file is None:
        reason = "is not valid any more, or its guest has another address"
        return reject_message(f"ticket {claimed.subject} {reason}")
    template = str(claimed.payload.get("message", RuleMessage.TICKET))
    return _draft_ticket(context, event, file, template)


def _draft_ticket(
    context: MessageContext, event: Event, file: OrderTicketFile, template: str = RuleMessage.TICKET
) -> MessageDraft | Rejected | Deferred:
    attached = _load_attachments(context, [file])
    if not isinstance(attached, tuple):
        return attached
    facts = event_variables(context, event) | schedule_variables(event)
    facts |= {
        "name": file.guest_name,
        "ticketType": file.ticket_type,
        "ticketCode": file.ticket_code,
    }
    facts |= {"url": context.ticket_page_url(file)}
    return MessageDraft(template, facts, attached, file.guest_locale)


def _load_attachments(
    context: MessageContext, files: list[OrderTicketFile]
) -> tuple[Attachment, ...] | Rejected | Deferred:
    """Return all attachments, or none if they are too large; a part of an order is never sent."""
    try:
        found = tuple(
            Attachment(f"{file.ticket_code}.pdf", context.documents.read(file.document))
            for file in files
        )
    except NoDocument as error:
        return Deferred(str(error), "document")
    if sum(len(each.content) for each in found) <= context.max_attachment_bytes:
        return found
    if context.public_url:
        return ()
    return reject_message(f"{len(files)} PDFs are too large for a mail; set WEB_PUBLIC_URL")


_DRAFTS_BY_PURPOSE: dict[
    str,
    Callable[
        [Connection, MessageContext, Event, ClaimedDelivery], MessageDraft | Rejected | Deferred
    ],
] = {
    outbox.ORDER_PLACED: draft_buyer_notice,
    outbox.PAYMENT_RECEIVED: draft_buyer_notice,
    outbox.ORDER_EXPIRED: draft_buyer_notice,
    outbox.CONTACT_CODE: draft_contact_code,
    outbox.ORDER_LINKS: draft_order_links,
    outbox.ORDER_CONFIRMATION: _draft_order_tickets,
    outbox.TICKET_READY: _draft_campaign_ticket,
    outbox.GUEST_TICKET: _draft_order_guest_ticket,
    **WAITING_LIST_DRAFTS,
    outbox.VOUCHERS_READY: draft_voucher_message,
    outbox.BATCH_FINISHED: draft_batch_report,
    outbox.TICKETS_SENT: draft_campaign_report,
    outbox.EXPORT_READY: draft_export,
}
