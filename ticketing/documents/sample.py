"""A made-up ticket with every field filled: what a template is tried with before real ones."""

from datetime import UTC, datetime

from ticketing.domain.tickets import PrintedTicket

SAMPLE = PrintedTicket(
    ticket_id=1,
    ticket_code="TC-2026-7Q4M9ZKD",
    qr_text="TC1" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 4 + "0123456789ABC",
    event_slug="wisuda-2026",
    event_name="Wisuda Sarjana 2026",
    starts_at=datetime(2026, 11, 14, 1, 0, tzinfo=UTC),
    ends_at=datetime(2026, 11, 14, 5, 0, tzinfo=UTC),
    time_zone="Asia/Jakarta",
    locale="id_ID",
    venue="Graha Sabha Pramana, Yogyakarta",
    first_name="Ayu",
    last_name="Kusumaningtyas",
    full_name="Ayu Kusumaningtyas",
    email="ayu@example.org",
    ticket_type="Wisudawan",
    seat="A-12",
    issued_at=datetime(2026, 10, 1, 3, 30, tzinfo=UTC),
)
