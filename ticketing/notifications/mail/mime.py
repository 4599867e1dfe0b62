"""MIME messages: headers that every server accepts, text and HTML, safe file names."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from email_validator import EmailNotValidError, validate_email

from ticketing.notifications.messages.message import Attachment, Mail
from ticketing.platform.kernel.errors import Misconfigured

# quoted-printable or base64: not every server on the way accepts 8-bit content
_POLICY = SMTP.clone(cte_type="7bit")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_SAFE_REFERENCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
_UNSAFE_FILE_NAME_CHARACTERS = re.compile(r"[^A-Za-z0-9._ -]+")


@dataclass(frozen=True, slots=True)
class MailSender:
    """Sender of mails. `bounces` is the address for bounces; empty means `address`."""

    address: str
    name: str = ""
    reply_to: str = ""
    bounce_address: str = ""

    def __post_init__(self) -> None:
        """Raise Misconfigured for an invalid address."""
        for text in filter(None, (self.address, self.reply_to, self.bounce_address)):
            if ascii_address(text) is None:
                raise Misconfigured(f"{text!r} is no valid sender address")

    @property
    def domain(self) -> str:
        """Domain of our Message-IDs."""
        return (ascii_address(self.address) or "").rpartition("@")[2]

    def envelope_sender(self, reference: str) -> str:
        """Return the envelope sender: `bounces@x` becomes `bounces+reference@x`."""
        if not self.bounce_address:
            return ascii_address(self.address) or ""
        local, _, domain = (ascii_address(self.bounce_address) or "").rpartition("@")
        return f"{local}+{reference_token(reference)}@{domain}"


@dataclass(frozen=True, slots=True)
class MimeMessage:
    """A mail to one person; the same reference gives the same Message-ID."""

    recipient: str  # envelope recipient
    message_id: str
    content: bytes


def ascii_address(address: str) -> str | None:
    """Return the address with an ASCII domain; None if there is no such form.

    A local part beyond ASCII needs SMTPUTF8 on every server on the way, which is not supported.
    """
    try:
        return validate_email(address, check_deliverability=False).ascii_email
    except EmailNotValidError:
        return None


def reference_token(reference: str) -> str:
    """Return the reference in a form allowed in an address; a long or unusual one is hashed."""
    if _SAFE_REFERENCE.fullmatch(reference) and ".." not in reference:
        return reference
    return hashlib.sha256(reference.encode()).hexdigest()[:40]


def build_mime_message(
    mail: Mail, sender: MailSender, recipient: str, *, reference: str, name: str, at: datetime
) -> MimeMessage:
    """Build the message. `recipient` is an address as `ascii_address` returns it."""
    message = EmailMessage(policy=_POLICY)
    written_by = ascii_address(sender.address) or ""
    message["From"] = Address(_one_line(sender.name), addr_spec=written_by)
    message["To"] = Address(_one_line(name), addr_spec=recipient)
    message["Subject"] = _one_line(mail.subject)
    message["Date"] = format_datetime(at)
    # all attempts share it, so that duplicates are recognised
    message_id = f"<{reference_token(reference)}@{sender.domain}>"
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    if sender.reply_to:
        message["Reply-To"] = ascii_address(sender.reply_to) or ""
    if mail.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{_one_line(mail.unsubscribe_url)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    for attachment in mail.attachments:
        _attach(message, attachment)
    return MimeMessage(recipient, message_id, message.as_bytes())


def safe_file_name(text: str) -> str:
    """Return a name that every mail program and file system accepts: without accents, else `_`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    stem, dot, ending = _UNSAFE_FILE_NAME_CHARACTERS.sub("_", plain).rpartition(".")
    if not dot:
        stem, ending = ending, ""
    return (stem.strip(" ._")[:80] or "file") + dot + ending


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    kind, _, subkind = attachment.media_type.partition("/")
    name = safe_file_name(attachment.name)
    message.add_attachment(attachment.content, maintype=kind, subtype=subkind, filename=name)


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()
