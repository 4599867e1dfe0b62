"""Buyers who insist: each orders, pays or not, and asks again whenever nobody answers."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Lock

import httpx

from chaos.environment import SimulatedEnvironment
from chaos.outlet import SaleOffer

SCENARIOS = (
    *["pay"] * 10,
    *["decline, then pay"] * 3,
    *["pay twice told"] * 2,
    *["let the bank take it back"] * 2,
    *["cancel, and pay all the same"] * 2,
    *["cancel"] * 1,
    *["pay when it is over"] * 3,
    *["leave"] * 2,
)
REACHABILITIES = (*["has WhatsApp"] * 18, "has no WhatsApp", "is not reached")
METHODS = ("bca_va", "gopay", "other_qris", "credit_card", "echannel")
PAID_SCENARIOS = {"pay", "decline, then pay", "pay twice told"}  # for good
REQUEST_DEADLINE_SECONDS = 20
RETRY_STATUSES = {429, 500, 502, 503, 504}
CREATED, CONFLICT = 201, 409


@dataclass
class BuyerPool:
    """What all buyers share and leave behind."""

    url: str
    town: SimulatedEnvironment
    offer: SaleOffer
    seed: int
    for_vouchers: float  # share of those who come for them
    closing: Event = field(default_factory=Event)
    confirmed: list[int] = field(default_factory=list)  # orders that were answered with 201
    late: list[str] = field(default_factory=list)  # attempts whose money comes after their end
    purchases: int = 0  # of vouchers, paid for
    ends: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def buy_until_closing(self, line: int, lines: int) -> None:
        """One buyer after the other, until the sale closes."""
        with httpx.Client(base_url=self.url, timeout=15) as client:
            for number in count(line, lines):
                if self.closing.is_set():
                    return
                buyer = _Buyer(self, client, number)
                end = buyer.live()
                with self.lock:
                    self.ends[end] += 1
                    self.purchases += buyer.wants_vouchers and end in PAID_SCENARIOS


@dataclass
class _Buyer:
    crowd: BuyerPool
    client: httpx.Client
    number: int
    wants_vouchers: bool = False

    def live(self) -> str:
        """What came of it, in a word."""
        self.draw = random.Random(f"{self.crowd.seed} {self.number}")  # noqa: S311 - no secret
        placed = self._place()
        if placed is None:
            return "refused"
        order_id, token = placed
        plan = self.draw.choice(SCENARIOS)
        if plan == "leave":
            return plan
        attempt = self._choose(order_id, token)
        if attempt is None:
            return "gave up paying"
        return self._carry_out(plan, order_id, token, attempt)

    def _carry_out(self, plan: str, order_id: int, token: str, attempt: str) -> str:
        if plan == "decline, then pay":
            self._push(attempt, "decline")
            again = self._choose(order_id, token)
            if again is None:
                return "gave up after a refusal"
            attempt = again
        if plan == "pay when it is over":
            with self.crowd.lock:
                self.crowd.late.append(attempt)
            return plan
        if plan.startswith("cancel"):
            self._ask("POST", f"/api/orders/{order_id}/cancel", token=token)
            if plan == "cancel":
                return plan
        paid = self._push(attempt, "pay") or self._push(attempt, "settle")
        if paid and plan == "pay twice told":
            self._push(attempt, "notify")
        if paid and plan == "let the bank take it back":
            self._push(attempt, "settle")  # a card, which is only captured
            self._wait_until_paid(order_id, token)
            self._push(attempt, "reverse")
        return plan if paid else "could not pay any more"

    def _place(self) -> tuple[int, str] | None:
        self.wants_vouchers = self.draw.random() < self.crowd.for_vouchers
        if self.wants_vouchers:
            path, asked = "/voucher/purchase", self._vouchers_wanted()
        else:
            path, asked = "/api/orders", self._tickets_wanted()
        key = f"buyer-{self.crowd.seed}-{self.number:06}-order"
        answer = self._ask("POST", path, asked, key=key)
        if answer is None or answer.status_code != CREATED:
            return None
        placed = answer.json()["data"]
        with self.crowd.lock:
            self.crowd.confirmed.append(placed["id"])
        return placed["id"], placed["token"]

    def _tickets_wanted(self) -> dict[str, object]:
        kinds = self.draw.sample(self.crowd.offer.ticket_types, self.draw.choice((1, 1, 2)))
        email = f"buyer{self.number}@example.org"
        wanted = [{"ticketTypeId": kind, "quantity": self.draw.choice((1, 1, 2))} for kind in kinds]
        asked: dict[str, object] = {
            "eventId": str(self.crowd.offer.events[0]),
            "ticketSelections": wanted,
            "buyer": {"name": f"Pembeli {self.number}", "email": email},
        }
        if self.draw.random() < 0.2:  # noqa: PLR2004 - one in five has a code
            asked["promoCode"] = "HEMAT"
        return asked

    def _vouchers_wanted(self) -> dict[str, object]:
        phone = f"+62812{self.number:08}"
        self.crowd.town.give_number(phone, self.draw.choice(REACHABILITIES))
        return {
            "packageId": self.draw.choice(self.crowd.offer.packages),
            "quantity": self.draw.choice((1, 1, 1, 2, 5, 20)),
            "customerName": f"Tamu {self.number}",
            "customerPhone": phone,
            "customerEmail": self.draw.choice(("", f"tamu{self.number}@example.org")),
        }

    def _choose(self, order_id: int, token: str) -> str | None:
        """The attempt on whose page a way to pay was chosen."""
        for _ in self._tries():
            answer = self._ask("POST", "/api/payment/create", {"orderId": order_id}, token=token)
            if answer is None:
                return None
            if answer.is_success:
                page = answer.json()["data"]["token"]
                begun = self.crowd.town.midtrans.bank.choose(page, self.draw.choice(METHODS))
                if begun is not None:
                    return begun.order_id
            elif answer.status_code != CONFLICT:
                return None
        return None

    def _wait_until_paid(self, order_id: int, token: str) -> None:
        """Or for as long as a buyer waits: then the shop hears of the end before the money."""
        for _ in self._tries():
            answer = self._ask("GET", f"/api/orders/{order_id}", token=token)
            if answer is None or answer.json()["data"]["status"] == "paid":
                return

    def _push(self, attempt: str, move: str) -> bool:
        time.sleep(self.draw.uniform(0, 0.3))
        return self.crowd.town.midtrans.bank.push(attempt, move) is not None

    def _ask(
        self, method: str, path: str, body: object = None, *, token: str = "", key: str = ""
    ) -> httpx.Response | None:
        """Ask until there is an answer; None when there is none for too long."""
        headers = {"X-Order-Token": token} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        for _ in self._tries():
            try:
                answer = self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                self._note(type(error).__name__)
                continue
            if answer.status_code not in RETRY_STATUSES and "retryAfter" not in answer.text:
                self._note(f"{re.sub('[0-9]+', '…', path)} {answer.status_code}")
                return answer
            self._note(str(answer.status_code))
        return None

    def _note(self, trouble: str) -> None:
        with self.crowd.lock:
            self.crowd.troubles[trouble] += 1

    def _tries(self) -> Iterator[None]:
        deadline = time.monotonic() + REQUEST_DEADLINE_SECONDS
        while time.monotonic() < deadline:
            yield
            time.sleep(self.draw.uniform(0.1, 0.5))
