"""Simulated external systems: payment gateway, WhatsApp, mail server and two routers."""

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
    """Simulated vendors; their independent records are the reference for the checks."""

    seed: int
    routers: dict[str, RouterOsSimulator] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
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
        self._stack.close()

    def set_webhook_base_url(self, url: str) -> None:
        """Set the URL for WhatsApp reports; payment notifications carry theirs."""
        self.whatsapp.cloud.webhook = f"{url}/webhooks/whatsapp/cloud"

    def password_of(self, router: str) -> str:
        """Return our account's password on a router; it must not appear in any log."""
        return f"rahasia-{router}-{self.seed}"

    def configure_number(self, phone: str, reachability: str) -> None:
        """Set how deliveries to a number end, independent of the fault schedule."""
        faults, digits = self.whatsapp.faults, phone.removeprefix("+")
        if reachability == "has no WhatsApp":
            faults.refused[digits] = NOT_ON_WHATSAPP
        elif reachability == "is not reached":
            faults.failing[digits] = NOT_ON_WHATSAPP

    def settings(self) -> dict[str, str]:
        """Return the settings with the addresses of the simulated vendors."""
        return {
            "MIDTRANS_SIMULATOR_URL": self.midtrans.url,
            "WHATSAPP_SIMULATOR_URL": self.whatsapp.url,
            "MAIL_URL": f"smtp://{self.mail.host}:{self.mail.port}",
            "MAIL_FROM": "Panitia <tiket@example.org>",
            "ORGANISER_EMAIL": "panitia@example.org",
        }

    def _router(self, name: str) -> RouterOsSimulator:
        return RouterOsSimulator(accounts=(ApiAccount(USER, self.password_of(name)),))
