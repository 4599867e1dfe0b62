"""Sample variables of every message template, which define its variables and its preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ticketing.platform.kernel.money import Rupiah


@dataclass(frozen=True, slots=True)
class LinkedText:
    """Text that may be a stranger's, and a link of ours behind it, which may be empty."""

    text: str
    link: str


@dataclass(frozen=True, slots=True)
class ReviewQuestion:
    """What the organiser has to decide about an order: a block of `questions.j2` of a language.

    `detail` is what the program found, and may quote a stranger.
    """

    name: str
    order_code: str
    detail: str


TemplateValue = (
    ReviewQuestion | str | int | datetime | timedelta | Rupiah | Sequence[str | LinkedText]
)
TemplateVariables = Mapping[str, TemplateValue]

# what this program or the organiser has written; every other text is taken for a stranger's
OWN_VARIABLES = frozenset({
    "attached", "code", "codes", "command", "eventName", "file", "location", "network",
    "orderCode", "organiser", "packageName", "paymentCode", "ticketCode", "ticketType",
    "timeZone", "url",
})  # fmt: skip

EXAMPLE_BASE_URL = "https://tickets.example.org/"


@dataclass(frozen=True, slots=True)
class TemplateSample:
    """Sample variables of a template. Each also needs `timeZone`, `organiser` and `url`."""

    variables: TemplateVariables
    url_path: str  # of the button's URL
    document_name: str = ""  # empty: without a document

    @property
    def all_variables(self) -> dict[str, TemplateValue]:
        """Return the sample variables with those that every message needs."""
        common: dict[str, TemplateValue] = {
            "timeZone": "Asia/Jakarta",
            "organiser": "Panitia Wisuda, Universitas Contoh",
            "url": EXAMPLE_BASE_URL + self.url_path,
        }
        return common | dict(self.variables)


_EVENT: dict[str, TemplateValue] = {"eventName": "Wisuda Periode II 2026"}
_SCHEDULE: dict[str, TemplateValue] = {
    "startsAt": datetime(2026, 12, 12, 1, tzinfo=UTC),
    "endsAt": datetime(2026, 12, 12, 5, tzinfo=UTC),
}
_ORDER: dict[str, TemplateValue] = {
    **_EVENT,
    "name": "Ayu Kusumaningtyas",
    "orderCode": "ORD-7Q4M9ZKDX2TA",
}
_TICKET = TemplateSample(
    {
        **_EVENT,
        "name": "Ayu Kusumaningtyas",
        "ticketType": "Wisudawan",
        "ticketCode": "TC-2026-7Q4M9ZKD",
        **_SCHEDULE,
        "location": "Graha Sabha Pramana, Yogyakarta",
    },
    "t/4QX9",
    document_name="Tiket TC-2026-7Q4M9ZKD.pdf",
)
_DEADLINE = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

SAMPLES: dict[str, TemplateSample] = {
    "ticket_ready": _TICKET,
    "ticket_reminder": _TICKET,
    "order_placed": TemplateSample(
        {**_ORDER, "total": Rupiah(205_000), "expiresAt": _DEADLINE}, "orders/4QX9"
    ),
    "order_payment_code": TemplateSample(
        {
            **_ORDER,
            "total": Rupiah(205_000),
            "paymentCode": "BCA 12345678901",
            "expiresAt": _DEADLINE,
        },
        "orders/4QX9",
    ),
    "order_paid": TemplateSample({**_ORDER, "total": Rupiah(205_000), "places": 2}, "orders/4QX9"),
    "waiting_list_joined": TemplateSample(
        {**_EVENT, "name": "Ayu Kusumaningtyas", "quantity": 2, "ticketType": "Pendamping"},
        "waiting-list/4QX9",
    ),
    "waiting_list_offer": TemplateSample(
        {
            **_ORDER,
            "quantity": 2,
            "ticketType": "Pendamping",
            "total": Rupiah(205_000),
            "expiresAt": _DEADLINE,
        },
        "orders/4QX9",
    ),
    "order_expired": TemplateSample({**_ORDER, "expiresAt": _DEADLINE}, "events/wisuda-2026"),
    "order_refunded": TemplateSample(
        {**_ORDER, "refunded": Rupiah(100_000), "reason": "satu tempat dibatalkan"}, "orders/4QX9"
    ),
    "order_tickets": TemplateSample(
        {
            **_ORDER,
            **_SCHEDULE,
            "tickets": ["Wisudawan, TC-2026-7Q4M9ZKD", "Pendamping, TC-2026-X2TAKD7Q"],
            "attached": ["TC-2026-7Q4M9ZKD.pdf", "TC-2026-X2TAKD7Q.pdf"],
            "location": "Graha Sabha Pramana, Yogyakarta",
        },
        "t/4QX9",
    ),
    "contact_code": TemplateSample(
        {**_EVENT, "code": "048213", "validity": timedelta(minutes=30)}, "events/wisuda-2026"
    ),
    "order_links": TemplateSample(
        {
            **_EVENT,
            "orders": [LinkedText("ORD-7Q4M9ZKDX2TA", f"{EXAMPLE_BASE_URL}orders/4QX9")],
        },
        "orders/4QX9",
    ),
    "order_reversed": TemplateSample(_ORDER, "events/wisuda-2026"),
    "order_instalment_due": TemplateSample(
        {**_ORDER, "part": 2, "amount": Rupiah(61_500), "dueAt": _DEADLINE}, "events/wisuda-2026"
    ),
    "order_instalments_kept": TemplateSample(
        {**_ORDER, "kept": Rupiah(82_000)}, "events/wisuda-2026"
    ),
    "event_cancelled": TemplateSample({**_ORDER, **_SCHEDULE}, "orders/4QX9"),
    "voucher_ready": TemplateSample(
        {
            "name": "Budi",
            "packageName": "Paket 5 ribu",
            "codes": ["WF-7Q4M9Z", "WF-X2TAKD"],
            "validity": timedelta(hours=24),
            "network": "Kampus Hotspot",
        },
        "orders/4QX9",
    ),
    "vouchers_ready": TemplateSample(
        {
            "name": "Budi",
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "codes": ["WF-7Q4M9Z - Paket 5 ribu", "WF-X2TAKD - Paket harian - 21 November 2026"],
            "network": "Kampus Hotspot",
        },
        "orders/4QX9",
    ),
    "vouchers_document": TemplateSample(
        {
            "name": "Budi",
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "number": 100,
            "codes": ["WF-7Q4M9Z - Paket 5 ribu", "WF-X2TAKD - Paket 5 ribu"],
            "network": "Kampus Hotspot",
        },
        "orders/4QX9",
        document_name="Voucher ORD-7Q4M9ZKDX2TA.pdf",
    ),
    "organiser_notice": TemplateSample(
        {
            **_EVENT,
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "total": Rupiah(205_000),
            "places": 2,
            "sold": 412,
            "left": 88,
        },
        "console/events/wisuda-2026",
    ),
    "organiser_question": TemplateSample(
        {
            **_EVENT,
            "orderCode": "ORD-7Q4M9ZKDX2TA",
            "question": ReviewQuestion(
                "paid_twice", "ORD-7Q4M9ZKDX2TA", "dua pembayaran sebesar Rp205.000"
            ),
        },
        "console/events/wisuda-2026",
    ),
    "batch_finished": TemplateSample(
        {
            **_EVENT,
            "batchCode": "batch-789",
            "finishedAt": _DEADLINE,
            "generated": 498,
            "failed": 2,
            "missing": 2,
            "reasons": ["2x nama terlalu panjang untuk tempatnya"],
        },
        "console/batches/17",
    ),
    "tickets_sent": TemplateSample(
        {
            **_EVENT,
            "sent": 480,
            "failed": 15,
            "unknown": 3,
            "command": "ticketing deliveries list --event wisuda-2026 --failed",
        },
        "console/events/wisuda-2026",
    ),
    "export_ready": TemplateSample(
        {**_EVENT, "file": "wisuda-2026-tickets.csv", "rows": 498}, "console/events/wisuda-2026"
    ),
    "payment_statement": TemplateSample(
        {
            "finishedAt": _DEADLINE,
            "students": 1200,
            "first": 3,
            "appeared": 40,
            "changed": 75,
            "vanished": 1,
            "failed": 2,
            "inArrears": 310,
            "arrears": Rupiah(108_500_000),
        },
        "admin/sync-pembayaran",
    ),
    "alert_digest": TemplateSample(
        {
            "number": 2,
            "since": _DEADLINE,
            "first": "router kampus-1 tidak menjawab",
            "alerts": ["router kampus-1 tidak menjawab", "3 pesan WhatsApp gagal"],
        },
        "console/incidents",
    ),
}
