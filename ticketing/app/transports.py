"""Transports of messages from the settings: mail server and WhatsApp provider."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketing.notifications.deliver import ChatTransport, MailTransport
    from ticketing.notifications.whatsapp.providers import WhatsAppProviderConfig


@contextmanager
def mail_transport(settings: Settings) -> "Iterator[MailTransport | None]":
    """Open the mail server or the simulated mail folder; with None, mails wait."""
    from ticketing.notifications.mail.client import SmtpTransport
    from ticketing.notifications.mail.file_transport import FileMailTransport
    from ticketing.notifications.mail.smtp_server import parse_mail_sender, parse_mail_url

    url = settings.mail_url.get_secret_value() if settings.mail_url else ""
    if url:
        sender = parse_mail_sender(settings.mail_from, settings.mail_bounces)
        with SmtpTransport(parse_mail_url(url), sender) as mailer:
            yield mailer
    elif settings.midtrans_environment == "simulator":
        sender = parse_mail_sender(settings.mail_from or "Simulation <simulation@example.org>")
        yield FileMailTransport(settings.mail_folder, sender)
    else:
        yield None


@contextmanager
def whatsapp_transport(
    config: "WhatsAppProviderConfig | None", public_base_url: str
) -> "Iterator[ChatTransport | None]":
    """Open the client of the WhatsApp provider, or None without a provider."""
    if config is None:
        yield None
        return
    if not public_base_url:
        raise Misconfigured(
            "WhatsApp messages have a button that links to the web service: set WEB_PUBLIC_URL"
        )
    with config.client() as client:
        yield client


def whatsapp_provider_config(settings: Settings) -> "WhatsAppProviderConfig | None":
    """Return the account of the WhatsApp provider, or None without a provider."""
    from ticketing.notifications.whatsapp.providers import WhatsAppProvider, WhatsAppProviderConfig

    if settings.active_whatsapp_provider == "none":
        return None
    if settings.active_whatsapp_provider == "simulator":
        if settings.midtrans_environment == "production":
            raise Misconfigured(
                "WHATSAPP_PROVIDER is simulator and MIDTRANS_ENVIRONMENT is production: paid buyers"
                " would receive no messages"
            )
        return WhatsAppProviderConfig.for_simulator(settings.whatsapp_simulator_url)
    token, secret, word = (
        given.get_secret_value() if given else ""
        for given in (
            settings.whatsapp_token,
            settings.whatsapp_webhook_secret,
            settings.whatsapp_verify_token,
        )
    )
    vendor = WhatsAppProvider(settings.active_whatsapp_provider)
    return WhatsAppProviderConfig(
        vendor, token, settings.whatsapp_url, settings.whatsapp_phone_id, secret, word
    )


def sender_name(settings: Settings) -> str:
    """Return the name of the sender of mails; empty when MAIL_FROM has none."""
    from ticketing.notifications.mail.smtp_server import parse_mail_sender

    return parse_mail_sender(settings.mail_from).name if settings.mail_from else ""
