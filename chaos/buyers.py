"""Buyers that place orders, pay or do not pay, and retry until they get a response."""

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
# the gateway answers about the last three under their transaction ids
METHODS = (
    "bca_va", "gopay", "other_qris", "credit_card", "echannel", "dana", "bsi_va", "danamon_va"
)  # fmt: skip
PAID_SCENARIOS = {"pay", "decline, then pay", "pay twice told"}  # final outcome
REQUEST_DEADLINE_SECONDS = 20
RETRY_STATUSES = {429, 500, 502, 503, 504}
CREATED, CONFLICT = 201, 409


@dataclass
class BuyerPool:
    """State and counters shared by all buyers."""

    url: str
    environment: SimulatedEnvironment
    offer: SaleOffer
    seed: int
    voucher_share: float  # share of voucher buyers
    closed: Event = field(default_factory=Event)
    confirmed_order_ids: list[int] = field(default_factory=list)  # orders with response 201
    late_attempts: list[str] = field(default_factory=list)  # attempts paid after expiry
    purchases: int = 0  # of vouchers, paid for
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def run_buyers(self, worker_index: int, worker_count: int) -> None:
        """Run buyers one after another until the sale closes."""
        with httpx.Client(base_url=self.url, timeout=15) as client:
            for number in count(worker_index, worker_count):
                if self.closed.is_set():
                    return
                buyer = _Buyer(self, client, number)
                end = buyer.run()
                with self.lock:
                    self.outcomes[end] += 1
                    self.purchases += buyer.wants_vouchers and end in PAID_SCENARIOS


@dataclass
class _Buyer:
    pool: BuyerPool
    client: httpx.Client
    number: int
    wants_vouchers: bool = False

    def run(self) -> str:
        """Run the buyer's scenario and return its outcome."""
        self.draw = random.Random(f"{self.pool.seed} {self.number}")  # noqa: S311 - no secret
        placed = self._place_order()
        if placed is None:
            return "refused"
        order_id, token = placed
        plan = self.draw.choice(SCENARIOS)
        if plan == "leave":
            return plan
        attempt = self._start_payment(order_id, token)
        if attempt is None:
            return "gave up paying"
        return self._run_scenario(plan, order_id, token, attempt)

    def _run_scenario(self, scenario: str, order_id: int, token: str, attempt: str) -> str:
        if scenario == "decline, then pay":
            self._push_payment(attempt, "decline")
            again = self._start_payment(order_id, token)
            if again is None:
                return "gave up after a refusal"
            attempt = again
        if scenario == "pay when it is over":
            with self.pool.lock:
                self.pool.late_attempts.append(attempt)
            return scenario
        if scenario.startswith("cancel"):
            self._request("POST", f"/api/orders/{order_id}/cancel", token=token)
            if scenario == "cancel":
                return scenario
        paid = self._push_payment(attempt, "pay") or self._push_payment(attempt, "settle")
        if paid and scenario == "pay twice told":
            self._push_payment(attempt, "notify")
        if paid and scenario == "let the bank take it back":
            self._push_payment(attempt, "settle")  # card payments are only captured so far
            self._wait_until_paid(order_id, token)
            self._push_payment(attempt, "reverse")
        return scenario if paid else "could not pay any more"

    def _place_order(self) -> tuple[int, str] | None:
        self.wants_vouchers = self.draw.random() < self.pool.voucher_share
        if self.wants_vouchers:
            path, order = "/voucher/purchase", self._voucher_order()
        else:
            path, order = "/api/orders", self._ticket_order()
        key = f"buyer-{self.pool.seed}-{self.number:06}-order"
        answer = self._request("POST", path, order, key=key)
        if answer is None or answer.status_code != CREATED:
            return None
        placed = answer.json()["data"]
        with self.pool.lock:
            self.pool.confirmed_order_ids.append(placed["id"])
        return placed["id"], placed["token"]

    def _ticket_order(self) -> dict[str, object]:
        kinds = self.draw.sample(self.pool.offer.ticket_types, self.draw.choice((1, 1, 2)))
        email = f"buyer{self.number}@example.org"
        wanted = [{"ticketTypeId": kind, "quantity": self.draw.choice((1, 1, 2))} for kind in kinds]
        order: dict[str, object] = {
            "eventId": str(self.pool.offer.events[0]),
            "ticketSelections": wanted,
            "buyer": {"name": f"Pembeli {self.number}", "email": email},
        }
        if self.draw.random() < 0.2:  # noqa: PLR2004 - one in five has a code
            order["promoCode"] = "HEMAT"
        return order

    def _voucher_order(self) -> dict[str, object]:
        phone = f"+62812{self.number:08}"
        self.pool.environment.configure_number(phone, self.draw.choice(REACHABILITIES))
        return {
            "packageId": self.draw.choice(self.pool.offer.packages),
            "quantity": self.draw.choice((1, 1, 1, 2, 5, 20)),
            "customerName": f"Tamu {self.number}",
            "customerPhone": phone,
            "customerEmail": self.draw.choice(("", f"tamu{self.number}@example.org")),
        }

    def _start_payment(self, order_id: int, token: str) -> str | None:
        """Choose a payment method and return the payment attempt's key."""
        for _ in self._attempts():
            answer = self._request(
                "POST", "/api/payment/create", {"orderId": order_id}, token=token
            )
            if answer is None:
                return None
            if answer.is_success:
                page = answer.json()["data"]["token"]
                begun = self.pool.environment.midtrans.bank.choose(page, self.draw.choice(METHODS))
                if begun is not None:
                    return begun.order_id
            elif answer.status_code != CONFLICT:
                return None
        return None

    def _wait_until_paid(self, order_id: int, token: str) -> None:
        """Poll until the order is paid or the buyer gives up; then expiry precedes payment."""
        for _ in self._attempts():
            answer = self._request("GET", f"/api/orders/{order_id}", token=token)
            if answer is None or answer.json()["data"]["status"] == "paid":
                return

    def _push_payment(self, attempt: str, move: str) -> bool:
        time.sleep(self.draw.uniform(0, 0.3))
        return self.pool.environment.midtrans.bank.push(attempt, move) is not None

    def _request(
        self, method: str, path: str, body: object = None, *, token: str = "", key: str = ""
    ) -> httpx.Response | None:
        """Send a request until it is answered; None after the deadline."""
        headers = {"X-Order-Token": token} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        for _ in self._attempts():
            try:
                answer = self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                self._count_error(type(error).__name__)
                continue
            if answer.status_code not in RETRY_STATUSES and "retryAfter" not in answer.text:
                self._count_error(f"{re.sub('[0-9]+', '…', path)} {answer.status_code}")
                return answer
            self._count_error(str(answer.status_code))
        return None

    def _count_error(self, trouble: str) -> None:
        with self.pool.lock:
            self.pool.errors[trouble] += 1

    def _attempts(self) -> Iterator[None]:
        deadline = time.monotonic() + REQUEST_DEADLINE_SECONDS
        while time.monotonic() < deadline:
            yield
            time.sleep(self.draw.uniform(0.1, 0.5))
