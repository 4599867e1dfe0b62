"""Tests of the message with ready vouchers, the only place that shows their codes."""

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from sqlalchemy import select, update

from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import make_order_link
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel
from ticketing.notifications.messages.compose import ComposeResult, compose_message
from ticketing.notifications.messages.context import MessageContext
from ticketing.notifications.messages.message import ChatMessage, Deferred, Mail, Rejected
from ticketing.notifications.messages.templates import MessageTemplates
from ticketing.orders.order import Order
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.outbox import outbox as outbox_table
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.tickets.rendering.document_reader import DocumentReader
from ticketing.vouchers import transition_queries
from ticketing.vouchers.model import ValidityStart
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher

LINKS = "https://tickets.example.org/"


@pytest.fixture
def write(
    database: Database, keys: KeyRing, tmp_path: Path, now: datetime
) -> Callable[..., ComposeResult]:
    """Return a function that builds the message about an order's vouchers."""
    folder = DocumentFolder(tmp_path, max_file_size=1, min_free_disk=0)
    reader = DocumentReader(database, folder, Renderer(TemplateFolders()), lambda: now)
    message_context = MessageContext(MessageTemplates(base_url=LINKS), reader, keys, LINKS)

    def about(order: Order, channel: Channel = Channel.MAIL) -> ComposeResult:
        claimed = ClaimedDelivery(
            1, 1, 0, 0, "ref", channel, "", "wisuda-2026", outbox.VOUCHERS_READY, order.code, {},
            now,
        )  # fmt: skip
        return compose_message(database, message_context, claimed)

    return about


def test_the_codes_are_sent_once_all_vouchers_are_active(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    list_vouchers: Callable[[], list[Voucher]],
    write: Callable[..., ComposeResult],
    database: Database,
    keys: KeyRing,
) -> None:
    order = buy(offer(), 2)
    too_early = write(order)
    provision()

    mail, chat = write(order), write(order, Channel.WHATSAPP)

    codes = [one.credentials.name for one in list_vouchers()]
    with database.transaction() as connection:
        left = connection.execute(select(outbox_table)).all()
    assert isinstance(too_early, Deferred)
    assert isinstance(mail, Mail)
    assert f"- {codes[0]}\n- {codes[1]}" in mail.text
    assert "60 menit sejak pertama kali masuk" in mail.text
    assert isinstance(chat, ChatMessage)
    assert f"Paket 5k Anda: {', '.join(codes)}." in chat.text
    assert chat.template is not None
    assert chat.template.button_url_suffix == (
        f"orders/{make_order_link(keys, order.id, order.buyer_contacts)}"
    )
    assert [purpose for purpose in (row.purpose for row in left) if "voucher" in purpose] == [
        outbox.VOUCHERS_READY
    ]
    assert [code for code in codes if code in str(left) or code in repr(mail)] == []


def test_a_separate_password_and_the_expiry_are_sent_with_the_code(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    list_vouchers: Callable[[], list[Voucher]],
    write: Callable[..., ComposeResult],
    database: Database,
) -> None:
    order = buy(offer(validity_start=ValidityStart.FROM_SALE))
    provision()
    with database.transaction() as connection:
        connection.execute(update(vouchers).values({"password": "rahasia9"}))

    mail = write(order)

    (voucher,) = list_vouchers()
    assert isinstance(mail, Mail)
    code = f"{voucher.credentials.name} / rahasia9"
    assert f"- {code} - Paket 5k - 20 Nov 2026, 16.00 WIB" in mail.text


@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.MAIL])
def test_all_codes_of_a_large_order_come_in_one_message_with_their_terms_once(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    list_vouchers: Callable[[], list[Voucher]],
    write: Callable[..., ComposeResult],
    channel: Channel,
) -> None:
    order = buy(offer(validity_start=ValidityStart.FROM_SALE), 100)
    provision()

    message = write(order, channel)

    assert isinstance(message, (ChatMessage, Mail))
    assert "100 voucher" in message.text
    assert LINKS + "orders/" in message.text
    (document,) = message.attachments if isinstance(message, Mail) else [message.attachment]
    assert document is not None
    printed = "".join(page.extract_text() for page in PdfReader(BytesIO(document.content)).pages)
    assert [one for one in list_vouchers() if one.credentials.name not in printed] == []
    assert printed.count("20 Nov 2026, 16.00 WIB") == 1
    assert printed.count(order.code) == 1


def test_codes_that_fit_a_chat_message_name_their_common_terms_once(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult],
    list_vouchers: Callable[[], list[Voucher]],
    write: Callable[..., ComposeResult],
) -> None:
    order = buy(offer(validity_start=ValidityStart.FROM_SALE), 10)
    provision()

    chat = write(order, Channel.WHATSAPP)

    assert isinstance(chat, ChatMessage)
    codes = ", ".join(one.credentials.name for one in list_vouchers())
    assert f"Paket 5k - 20 Nov 2026, 16.00 WIB: {codes}." in chat.text


def test_an_order_with_refunded_vouchers_only_has_no_message(
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    write: Callable[..., ComposeResult],
    database: Database,
) -> None:
    order = buy(offer())
    with database.transaction() as connection:
        transition_queries.revoke_of_order(
            connection, order.id, reason="refunded", at=order.expires_at
        )

    refused = write(order)

    assert isinstance(refused, Rejected)
    assert refused.reason == f"order {order.code} has no active vouchers"
