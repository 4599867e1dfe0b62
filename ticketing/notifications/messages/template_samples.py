"""Made-up facts for every message: its vocabulary, and what it is previewed with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ticketing.platform.kernel.money import Rupiah

Fact = str | int | datetime | timedelta | Rupiah | Sequence[str]
Facts = Mapping[str, Fact]

LINKS = "https://tickets.example.org/"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a message is told. Each also needs `timeZone`, `organiser` and `url`."""

    facts: Facts
    path: str  # of the address behind its button
    carries_document: bool = False
    document_name: str = ""

    @property
    def all_facts(self) -> dict[str, Fact]:
        """With what every message needs."""
        common: dict[str, Fact] = {
            "timeZone": "Asia/Jakarta",
            "organiser": "Panitia Wisuda, Universitas Contoh",
            "url": LINKS + self.path,
        }
        return common | dict(self.facts)


_EVENT: dict[str, Fact] = {"eventName": "Wisuda Periode II 2026"}
_CLOCK: dict[str, Fact] = {
    "startsAt": datetime(2026, 12, 12, 1, tzinfo=UTC),
    "endsAt": datetime(2026, 12, 12, 5, tzinfo=UTC),
}
_ORDER: dict[str, Fact] = {**_EVENT, "name": "Ayu Kusumaningtyas", "orderCode": "ORD-7Q4M9ZKDX2TA"}
_DEADLINE = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

SAMPLES: dict[str, Sample] = {
    "ticket_ready": Sample(
        {
            **_EVENT,
            "name": "Ayu Kusumaningtyas",
            "ticketType": "Wisudawan",
            "ticketCode": "TC-2026-7Q4M9ZKD",
            **_CLOCK,
            "location": "Graha Sabha Pramana, Yogyakarta",
        },
        "t/4QX9",
        carries_document=True,
        document_name="Tiket TC-2026-7Q4M9ZKD.pdf",
    ),
    "order_placed": Sample(
        {**_ORDER, "total": Rupiah(205_000), "expiresAt": _DEADLINE}, "orders/4QX9"
    ),
    "order_paid": Sample({**_ORDER, "total": Rupiah(205_000), "places": 2}, "orders/4QX9"),
    "order_expired": Sample({**_ORDER, "expiresAt": _DEADLINE}, "events/wisuda-2026"),
    "order_refunded": Sample(
        {**_ORDER, "refunded": Rupiah(100_000), "reason": "satu tempat dibatalkan"}, "orders/4QX9"
    ),
    "order_tickets": Sample(
        {
            **_ORDER,
            **_CLOCK,
            "tickets": ["Wisudawan, TC-2026-7Q4M9ZKD", "Pendamping, TC-2026-X2TAKD7Q"],
            "attached": ["TC-2026-7Q4M9ZKD.pdf", "TC-2026-X2TAKD7Q.pdf"],
            "location": "Graha Sabha Pramana, Yogyakarta",
        },
        "t/4QX9",
    ),
    "order_reversed": Sample(_ORDER, "events/wisuda-2026"),
    "order_part_due": Sample(
        {**_ORDER, "part": 2, "amount": Rupiah(61_500), "dueAt": _DEADLINE}, "events/wisuda-2026"
    ),
    "order_parts_kept": Sample({**_ORDER, "kept": Rupiah(82_000)}, "events/wisuda-2026"),
    "event_cancelled": Sample({**_ORDER, **_CLOCK}, "orders/4QX9"),
    "voucher_ready": Sample(
        {
            "name": "Budi",
            "packageName": "Paket 5 ribu",
            "codes": ["WF-7Q4M9Z", "WF-X2TAKD"],
            "validity": timedelta(hours=24),
            "network": "Kampus Hotspot",
        },
        "events/kampus-hotspot",
    ),
    "vouchers_ready": Sample(
        {
            "name": "Budi",
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "codes": ["WF-7Q4M9Z - Paket 5 ribu", "WF-X2TAKD - Paket harian - 21 November 2026"],
            "network": "Kampus Hotspot",
        },
        "events/kampus-hotspot",
    ),
    "organiser_notice": Sample(
        {
            **_EVENT,
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "total": Rupiah(205_000),
            "places": 2,
            "sold": 412,
            "left": 88,
        },
        "console/orders/ORD-7Q4M9ZKDX2TA",
    ),
    "organiser_question": Sample(
        {
            **_EVENT,
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "question": "dibayar dua kali",
        },
        "console/orders/ORD-7Q4M9ZKDX2TA",
    ),
    "batch_finished": Sample(
        {
            **_EVENT,
            "batchCode": "batch-789",
            "finishedAt": _DEADLINE,
            "generated": 498,
            "failed": 2,
            "missing": 2,
            "reasons": ["2x nama terlalu panjang untuk tempatnya"],
        },
        "console/batches/batch-789",
    ),
    "tickets_sent": Sample(
        {
            **_EVENT,
            "sent": 480,
            "failed": 15,
            "unknown": 3,
            "command": "ticketing deliveries wisuda-2026 --failed",
        },
        "events/wisuda-2026",
    ),
    "export_ready": Sample(
        {**_EVENT, "file": "wisuda-2026-tickets.csv", "rows": 498}, "events/wisuda-2026"
    ),
    "alert_digest": Sample(
        {
            "number": 2,
            "since": _DEADLINE,
            "first": "router kampus-1 tidak menjawab",
            "alerts": ["router kampus-1 tidak menjawab", "3 pesan WhatsApp gagal"],
        },
        "health",
    ),
}
