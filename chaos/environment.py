"""Everybody whom we only talk to, simulated: a bank, WhatsApp, a mail server and two routers."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from simulators.mail.server import MailSimulator
from simulators.midtrans.server import MidtransSimulator
from simulators.routeros.accounts import ApiAccount
from simulators.routeros.server import RouterOsSimulator
from simulators.whatsapp.server import WhatsAppSimulator

SECONDS_PER_RETRY_HOUR = 1.0
NOT_ON_WHATSAPP = 131026
ROUTERS = ("kopi", "taman")
PROFILES = ("1day", "7days")
USER = "ticketing"
FOREIGN_USER = {"name": "tamu-hotel", "password": "milik-hotel", "comment": "kamar 12"}


@dataclass
class SimulatedEnvironment:
    """They know nothing of each other, and what they say of the sale is the measure of it."""

    seed: int
    routers: dict[str, RouterOsSimulator] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Everybody answers from here on."""
        speed = 3600 / SECONDS_PER_RETRY_HOUR
        self.midtrans = self._stack.enter_context(MidtransSimulator(speed=speed, seed=self.seed))
        self.whatsapp = self._stack.enter_context(WhatsAppSimulator(speed=speed))
        self.mail = self._stack.enter_context(MailSimulator())
        for name in ROUTERS:
            self.routers[name] = self._stack.enter_context(self._router(name))
            for profile in PROFILES:
                self.routers[name].add_profile(profile, shared_users="1")
            self.routers[name].add_user(**FOREIGN_USER)
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody answers any more."""
        self._stack.close()

    def set_webhook_base_url(self, url: str) -> None:
        """Where WhatsApp tells what became of messages; the bank is told with each payment."""
        self.whatsapp.cloud.webhook = f"{url}/webhooks/whatsapp/cloud"

    def password_of(self, router: str) -> str:
        """Of our account there; no log may have it."""
        return f"rahasia-{router}-{self.seed}"

    def configure_number(self, phone: str, reachability: str) -> None:
        """What happens to messages to somebody, whatever the weather: it is true of the number."""
        faults, digits = self.whatsapp.faults, phone.removeprefix("+")
        if reachability == "has no WhatsApp":
            faults.refused[digits] = NOT_ON_WHATSAPP
        elif reachability == "is not reached":
            faults.failing[digits] = NOT_ON_WHATSAPP

    def settings(self) -> dict[str, str]:
        """Where the box office finds them."""
        return {
            "MIDTRANS_REHEARSAL_URL": self.midtrans.url,
            "WHATSAPP_REHEARSAL_URL": self.whatsapp.url,
            "MAIL_URL": f"smtp://{self.mail.host}:{self.mail.port}",
            "MAIL_FROM": "Panitia <tiket@example.org>",
            "ORGANISER_MAIL": "panitia@example.org",
        }

    def _router(self, name: str) -> RouterOsSimulator:
        return RouterOsSimulator(accounts=(ApiAccount(USER, self.password_of(name)),))
