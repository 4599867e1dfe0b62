"""The doors that messages leave by, from settings: a mail server, and who carries WhatsApp."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ticketing.domain.errors import Misconfigured
from ticketing.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketing.actions.deliver import ChatDoor, MailDoor
    from ticketing.gateways.whatsapp_vendors import Subscription


@contextmanager
def mail_door(settings: Settings) -> "Iterator[MailDoor | None]":
    """The mail server, a rehearsal's folder, or None: then mails wait."""
    from ticketing.gateways.mail import Mailer  # noqa: PLC0415 - costs imports, for few commands
    from ticketing.gateways.mail_folder import MailFolder  # noqa: PLC0415 - as the others
    from ticketing.gateways.mail_url import mail_sender, mail_server  # noqa: PLC0415 - as the others

    url = settings.mail_url.get_secret_value() if settings.mail_url else ""
    if url:
        sender = mail_sender(settings.mail_from, settings.mail_bounces)
        with Mailer(mail_server(url), sender) as mailer:
            yield mailer
    elif settings.midtrans_environment == "rehearsal":
        sender = mail_sender(settings.mail_from or "Rehearsal <rehearsal@example.org>")
        yield MailFolder(settings.mails, sender)
    else:
        yield None


@contextmanager
def whatsapp_door(chat: "Subscription | None", links: str) -> "Iterator[ChatDoor | None]":
    """Whoever carries WhatsApp messages, or None: then nothing goes by it."""
    if chat is None:
        yield None
        return
    if not links:
        raise Misconfigured(
            "a WhatsApp message has a button that leads to the web service: set WEB_PUBLIC_URL"
        )
    with chat.client() as client:
        yield client


def whatsapp_subscription(settings: Settings) -> "Subscription | None":
    """With whom; a rehearsal's simulator has keys that everybody knows. None: nobody."""
    from ticketing.gateways.whatsapp_vendors import (  # noqa: PLC0415 - as the others
        Subscription,
        Vendor,
    )

    if settings.whatsapp == "none":
        return None
    if settings.whatsapp == "rehearsal":
        if settings.midtrans_environment == "production":
            raise Misconfigured(
                "WHATSAPP_PROVIDER is rehearsal and MIDTRANS_ENVIRONMENT production: whoever has"
                " paid would be told nothing"
            )
        return Subscription.rehearsal(settings.whatsapp_rehearsal_url)
    token, secret, word = (
        given.get_secret_value() if given else ""
        for given in (
            settings.whatsapp_token,
            settings.whatsapp_webhook_secret,
            settings.whatsapp_verify_token,
        )
    )
    vendor = Vendor(settings.whatsapp)
    return Subscription(
        vendor, token, settings.whatsapp_url, settings.whatsapp_phone_id, secret, word
    )


def signed_by(settings: Settings) -> str:
    """The name under our mails; empty when MAIL_FROM has none."""
    from ticketing.gateways.mail_url import mail_sender  # noqa: PLC0415 - as the others

    return mail_sender(settings.mail_from).name if settings.mail_from else ""
