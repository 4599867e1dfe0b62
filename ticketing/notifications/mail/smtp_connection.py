"""One connection to a mail server, and mails handed over on it one after the other.

smtplib, driven command by command: whether the final dot had been sent when a connection broke is
what separates "not sent" from "perhaps sent", and its own `sendmail` does not tell.
"""

import re
import smtplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ticketing.notifications.mail.mime import MimeMessage
from ticketing.notifications.mail.smtp_replies import (
    SmtpReply,
    classify_connect_reply,
    classify_data_reply,
    classify_mail_from_reply,
    classify_rcpt_to_reply,
)
from ticketing.notifications.mail.smtp_server import MailServer, connect_smtp
from ticketing.notifications.messages.message import (
    Accepted,
    Deferred,
    Rejected,
    SendOutcome,
    Unconfirmed,
)

_DOTS = re.compile(rb"^\.", re.MULTILINE)
_MAX_MAILS_PER_CONNECTION = 100
_IDLE_SECONDS = 60
_START_MAIL_INPUT = 354


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection ended before a mail was given away: it can be given to another one."""

    deferral: Deferred


def _classify_mail_from(reply: SmtpReply) -> Deferred | Rejected | ConnectionLost:
    return (
        ConnectionLost(classify_connect_reply(reply))
        if reply.closes_connection
        else classify_mail_from_reply(reply)
    )


_CLASSIFIERS: tuple[Callable[[SmtpReply], Deferred | Rejected | ConnectionLost], ...] = (
    _classify_mail_from,
    classify_rcpt_to_reply,
    classify_data_reply,
)


class SmtpConnection:
    """A greeted and logged-in connection. One thread at a time."""

    def __init__(self, smtp: smtplib.SMTP, server: MailServer) -> None:
        """Take over what `opened` made."""
        self._smtp = smtp
        self._server = server
        self._mails = 0
        self._is_open = True
        self._used_at = time.monotonic()

    @property
    def is_reusable(self) -> bool:
        """Whether it is open, has not idled too long, nor carried what servers count as enough."""
        idle = time.monotonic() - self._used_at
        return self._is_open and self._mails < _MAX_MAILS_PER_CONNECTION and idle < _IDLE_SECONDS

    @property
    def max_message_bytes(self) -> int | None:
        """The largest mail in bytes that the server announced; None if it did not."""
        told = self._smtp.esmtp_features.get("size", "")
        return int(told) if told.isdecimal() and int(told) else None

    def send_message(self, message: MimeMessage, sender: str) -> SendOutcome | ConnectionLost:
        """One mail, from MAIL to the final dot. After a refusal the connection is good again."""
        self._mails += 1
        self._used_at = time.monotonic()
        try:
            refused = self._send_envelope(message, sender)
        except OSError as error:  # smtplib's own errors are such
            self.close()
            return ConnectionLost(
                Deferred(f"mail server: connection lost ({type(error).__name__})")
            )
        if refused is not None:
            return refused
        try:
            return self._send_content(message)
        except OSError as error:
            self.close()
            return Unconfirmed(f"mail server: connection lost in the mail ({type(error).__name__})")

    def close(self) -> None:
        """Say goodbye, if anybody listens."""
        self._is_open = False
        try:
            self._smtp.quit()
        except OSError:
            self._smtp.close()

    def _send_envelope(
        self, message: MimeMessage, sender: str
    ) -> Deferred | Rejected | ConnectionLost | None:
        """Sender, recipient and the wish to send; None when the server waits for the content.

        Sent at once, each has its answer, and the first refusal is the reason of the others.
        """
        refused: Deferred | Rejected | ConnectionLost | None = None
        said: SmtpReply | None = None
        try:
            for said, meaning in zip(
                self._envelope_replies(message, sender), _CLASSIFIERS, strict=True
            ):
                if refused is None and not said.is_positive:
                    refused = meaning(said)
                    if not self._supports_pipelining:
                        break
        except OSError:
            if refused is None:
                raise
            self.close()
        waits = said is not None and said.code == _START_MAIL_INPUT
        return None if refused is None else self._reset_after_refusal(refused, awaits_content=waits)

    @property
    def _supports_pipelining(self) -> bool:
        """Whether the server reads on before it has answered: half the time on a long wire."""
        return "pipelining" in self._smtp.esmtp_features

    def _envelope_replies(self, message: MimeMessage, sender: str) -> Iterator[SmtpReply]:
        size = f" SIZE={len(message.content)}" if "size" in self._smtp.esmtp_features else ""
        commands = [f"MAIL FROM:<{sender}>{size}", f"RCPT TO:<{message.recipient}>", "DATA"]
        if not self._supports_pipelining:
            yield from (SmtpReply.from_smtplib(*self._smtp.docmd(command)) for command in commands)
            return
        self._smtp.send("".join(f"{command}\r\n" for command in commands))
        yield from (SmtpReply.from_smtplib(*self._smtp.getreply()) for _ in commands)

    def _send_content(self, message: MimeMessage) -> SendOutcome:
        self._set_timeout(self._server.data_timeout_seconds)
        self._smtp.send(_DOTS.sub(b"..", message.content) + b"\r\n.\r\n")
        said = SmtpReply.from_smtplib(*self._smtp.getreply())
        self._set_timeout(self._server.timeout_seconds)
        if said.closes_connection:
            self.close()
        return Accepted(message.message_id) if said.is_positive else classify_data_reply(said)

    def _reset_after_refusal(
        self, refusal: Deferred | Rejected | ConnectionLost, *, awaits_content: bool
    ) -> Deferred | Rejected | ConnectionLost:
        """The refusal stands, whether or not the connection survives it."""
        if isinstance(refusal, ConnectionLost):
            self.close()
        if not self._is_open:
            return refusal
        try:
            if awaits_content:
                self._smtp.docmd(".")  # nobody is to get any
            self._smtp.rset()
        except OSError:
            self.close()
        return refusal

    def _set_timeout(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


def open_connection(server: MailServer) -> SmtpConnection | Deferred:
    """A connection that is ready for mails, or why there is none."""
    smtp = connect_smtp(server)
    return smtp if isinstance(smtp, Deferred) else SmtpConnection(smtp, server)
