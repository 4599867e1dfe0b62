-- The outbox.

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT,
    purpose TEXT NOT NULL,
    subject TEXT NOT NULL,
    recipient TEXT NOT NULL,
    revision BIGINT DEFAULT 1 NOT NULL,
    payload JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    processed_at TIMESTAMPTZ,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT uq_outbox_purpose_subject_recipient_revision
        UNIQUE (purpose, subject, recipient, revision),
    CONSTRAINT fk_outbox_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE INDEX ix_outbox_pending ON outbox (id) WHERE processed_at IS NULL;
