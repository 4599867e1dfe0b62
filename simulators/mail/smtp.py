"""SMTP server based on aiosmtpd, with faults before or after each step."""

import asyncio
import ssl
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from simulators.mail.box import Mailbox
from simulators.mail.faults import MailFault, MailFaults, Stage

_FIRST_GREETING = "mail.simulator"


@dataclass(frozen=True, slots=True)
class SmtpLogin:
    """Credentials that SMTP clients must use."""

    user: str
    password: str

    def check(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, given: object
    ) -> AuthResult:
        """Return whether the credentials match."""
        del mechanism
        mine = LoginPassword(self.user.encode(), self.password.encode())
        return AuthResult(success=given == mine, handled=given == mine)


class SmtpHooks:
    """aiosmtpd hooks of one connection."""

    def __init__(self, faults: MailFaults, box: Mailbox, connection: int) -> None:
        """Store the connection's number."""
        self.faults = faults
        self._box = box
        self._connection = connection
        self._kept = 0

    async def handle_EHLO(  # noqa: N802 - the names aiosmtpd looks for
        self,
        _server: "FaultySmtpServer",
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Return the offered extensions."""
        session.host_name = hostname
        more = [] if self.faults.one_by_one else ["250-PIPELINING"]
        return responses[:-1] + more + responses[-1:]

    async def handle_MAIL(  # noqa: N802
        self,
        server: "FaultySmtpServer",
        _: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept or reject the sender."""
        limit = self.faults.mails_a_connection
        if limit and self._kept >= limit:
            return "421 4.7.0 Too many messages on this connection"
        reply = await apply_fault(server, self.faults.take_fault("mail", ()))
        if reply:
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: "FaultySmtpServer",
        _: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept or reject a recipient."""
        reply = await apply_fault(server, self.faults.take_fault("rcpt", [address]))
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: "FaultySmtpServer", session: Session, envelope: Envelope
    ) -> str:
        """Accept or reject the content."""
        reply = await apply_fault(server, self.faults.take_fault("end", envelope.rcpt_tos))
        if reply:
            return reply
        self._kept += 1
        self._box.store(
            envelope.mail_from or "",
            tuple(envelope.rcpt_tos),
            envelope.original_content or b"",
            connection=self._connection,
            over_tls=session.ssl is not None or _is_encrypted(server),
        )
        await apply_fault(server, self.faults.take_fault("accepted", envelope.rcpt_tos))
        return f"250 2.0.0 OK: queued as SIM{self._connection:04}{self._kept:04}"


class FaultySmtpServer(SMTP):
    """One SMTP connection."""

    def __init__(
        self,
        hooks: SmtpHooks,
        *,
        login: SmtpLogin | None,
        starttls: ssl.SSLContext | None,
        largest: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Configure the connection; `login` enforces authentication, `largest` is in bytes."""
        super().__init__(
            hooks,
            data_size_limit=largest,
            hostname=_FIRST_GREETING,
            tls_context=starttls,
            authenticator=login.check if login else None,
            loop=loop,
        )
        # set here because the constructor treats implicit TLS as unencrypted and warns
        self._auth_required = login is not None
        self._auth_require_tls = starttls is not None
        self._faults = hooks.faults

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Handle DATA, applying a fault before or within the content."""
        recipients = self.envelope.rcpt_tos if self.envelope else []
        reply = await apply_fault(self, self._at("data", recipients))
        if reply:
            await self.push(reply)
            return
        cut = self._at("content", recipients)
        if cut:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readuntil(b"\r\n")
            await apply_fault(self, cut)
            return
        await super().smtp_DATA(arg)

    def drop_connection(self) -> None:
        """Abort the connection without a reply."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def _at(self, stage: Stage, recipients: list[str]) -> MailFault | None:
        return self._faults.take_fault(stage, recipients)


async def apply_fault(server: "FaultySmtpServer", fault: MailFault | None) -> str:
    """Apply a fault and return its reply, or an empty string."""
    if fault is None:
        return ""
    await asyncio.sleep(fault.seconds)
    if fault.reply is None:
        server.drop_connection()
        await asyncio.sleep(3600)  # the closed connection cancels this task
    return fault.reply or ""


def _is_encrypted(server: SMTP) -> bool:
    transport = server.transport
    return transport is not None and transport.get_extra_info("sslcontext") is not None
