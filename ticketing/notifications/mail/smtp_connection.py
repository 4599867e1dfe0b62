"""One SMTP connection on which mails are sent one after the other.

smtplib is driven command by command, because its `sendmail` does not tell whether the final dot
had been sent when a connection broke: the difference between "not sent" and "perhaps sent".
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
    """The connection ended before a mail was sent: the mail can be sent on another one."""

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
    """A connection after greeting and login. One thread at a time."""

    def __init__(self, smtp: smtplib.SMTP, server: MailServer) -> None:
        """Take over the connection that `connect_smtp` opened."""
        self._smtp = smtp
        self._server = server
        self._mails = 0
        self._is_open = True
        self._used_at = time.monotonic()

    @property
    def is_reusable(self) -> bool:
        """Return whether it is open and within the limits of idle time and number of mails."""
        idle = time.monotonic() - self._used_at
        return self._is_open and self._mails < _MAX_MAILS_PER_CONNECTION and idle < _IDLE_SECONDS

    @property
    def max_message_bytes(self) -> int | None:
        """The largest mail in bytes that the server announced; None if it did not."""
        size = self._smtp.esmtp_features.get("size", "")
        return int(size) if size.isdecimal() and int(size) else None

    def send_message(self, message: MimeMessage, sender: str) -> SendOutcome | ConnectionLost:
        """Send one mail, from MAIL to the final dot. A refusal leaves the connection usable."""
        self._mails += 1
        self._used_at = time.monotonic()
        try:
            refused = self._send_envelope(message, sender)
        except OSError as error:  # includes smtplib's errors
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
            return Unconfirmed(
                f"mail server: connection lost while sending the content ({type(error).__name__})"
            )

    def close(self) -> None:
        """Send QUIT if possible, and close."""
        self._is_open = False
        try:
            self._smtp.quit()
        except OSError:
            self._smtp.close()

    def _send_envelope(
        self, message: MimeMessage, sender: str
    ) -> Deferred | Rejected | ConnectionLost | None:
        """Send MAIL, RCPT and DATA; None when the server waits for the content.

        With pipelining all are sent at once; the first refusal is the cause of the others.
        """
        refused: Deferred | Rejected | ConnectionLost | None = None
        reply: SmtpReply | None = None
        try:
            for reply, classify in zip(
                self._envelope_replies(message, sender), _CLASSIFIERS, strict=True
            ):
                if refused is None and not reply.is_positive:
                    refused = classify(reply)
                    if not self._supports_pipelining:
                        break
        except OSError:
            if refused is None:
                raise
            self.close()
        is_waiting = reply is not None and reply.code == _START_MAIL_INPUT
        return (
            None
            if refused is None
            else self._reset_after_refusal(refused, awaits_content=is_waiting)
        )

    @property
    def _supports_pipelining(self) -> bool:
        """Return whether the server supports pipelining: half the time on a slow network."""
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
        reply = SmtpReply.from_smtplib(*self._smtp.getreply())
        self._set_timeout(self._server.timeout_seconds)
        if reply.closes_connection:
            self.close()
        return Accepted(message.message_id) if reply.is_positive else classify_data_reply(reply)

    def _reset_after_refusal(
        self, refusal: Deferred | Rejected | ConnectionLost, *, awaits_content: bool
    ) -> Deferred | Rejected | ConnectionLost:
        """Reset the connection after a refusal and return the refusal, even if the reset fails."""
        if isinstance(refusal, ConnectionLost):
            self.close()
        if not self._is_open:
            return refusal
        try:
            if awaits_content:
                self._smtp.docmd(
                    "."
                )  # an empty message, which the server rejects for all recipients
            self._smtp.rset()
        except OSError:
            self.close()
        return refusal

    def _set_timeout(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


def open_connection(server: MailServer) -> SmtpConnection | Deferred:
    """Return a connection that is ready for mails, or the reason why there is none."""
    smtp = connect_smtp(server)
    return smtp if isinstance(smtp, Deferred) else SmtpConnection(smtp, server)
