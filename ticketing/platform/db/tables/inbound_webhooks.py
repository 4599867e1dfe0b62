"""The table of inbound webhooks: requests of vendors, stored unchanged and then processed."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, UniqueConstraint, text

from ticketing.platform.db.columns import (
    bigint_column,
    holder_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

inbound_webhooks = Table(
    "inbound_webhooks",
    metadata,
    id_column(),
    text_column("provider"),  # midtrans | whatsapp:cloud | whatsapp:waha | whatsapp:fonnte
    text_column("unique_key"),  # digest of the fields that distinguish two requests
    # the key of the payment attempt as the vendor names it; else the sender
    text_column("external_reference"),
    Column("body", LargeBinary, nullable=False),  # the received bytes
    timestamp_column("received_at"),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    bigint_column("attempt_count"),
    timestamp_column("processed_at", nullable=True),
    text_column("outcome", ""),  # applied | unchanged | quarantined | dismissed
    text_column("reason", ""),
    UniqueConstraint("provider", "unique_key"),
    CheckConstraint("(processed_at IS NULL) = (outcome = '')", name="outcome"),
    # the notifications about a payment attempt
    Index("ix_inbound_webhooks_external_reference", "external_reference"),
    Index("ix_inbound_webhooks_pending", "id", postgresql_where=text("processed_at IS NULL")),
    # requests that match nothing we know
    Index(
        "ix_inbound_webhooks_quarantined", "id", postgresql_where=text("outcome = 'quarantined'")
    ),
)
