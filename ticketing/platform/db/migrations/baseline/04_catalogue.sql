-- Ticket types, promo codes and payment plans.

CREATE TABLE ticket_types (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    on_sale BOOLEAN DEFAULT false NOT NULL,
    price BIGINT DEFAULT 0 NOT NULL,
    capacity BIGINT,
    max_per_order BIGINT,
    max_per_buyer BIGINT,
    pending BIGINT DEFAULT 0 NOT NULL,
    sold BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_ticket_types PRIMARY KEY (id),
    CONSTRAINT uq_ticket_types_event_id_name UNIQUE (event_id, name),
    CONSTRAINT uq_ticket_types_event_id_id UNIQUE (event_id, id),
    CONSTRAINT ck_ticket_types_stock
        CHECK (price >= 0 AND pending >= 0 AND sold >= 0 AND pending + sold <= capacity),
    CONSTRAINT fk_ticket_types_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);

CREATE TABLE promos (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    value BIGINT NOT NULL,
    valid_from TIMESTAMPTZ NOT NULL,
    valid_until TIMESTAMPTZ NOT NULL,
    ticket_type_id BIGINT,
    max_uses BIGINT,
    used BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_promos PRIMARY KEY (id),
    CONSTRAINT uq_promos_event_id_code UNIQUE (event_id, code),
    CONSTRAINT ck_promos_kind CHECK (kind IN ('percent', 'fixed')),
    CONSTRAINT ck_promos_value CHECK (value > 0 AND (kind = 'fixed' OR value <= 100)),
    CONSTRAINT ck_promos_used CHECK (used >= 0 AND used <= max_uses),
    CONSTRAINT fk_promos_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT fk_promos_ticket_type_id FOREIGN KEY (ticket_type_id) REFERENCES ticket_types (id)
);

CREATE TABLE payment_plans (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    percentages INTEGER[] NOT NULL,
    interval INTERVAL NOT NULL,
    final_due_before INTERVAL NOT NULL,
    grace INTERVAL NOT NULL,
    overdue TEXT NOT NULL,
    tickets TEXT DEFAULT 'all' NOT NULL,
    withdrawn_at TIMESTAMPTZ,
    CONSTRAINT pk_payment_plans PRIMARY KEY (id),
    CONSTRAINT uq_payment_plans_event_id_name UNIQUE (event_id, name),
    CONSTRAINT ck_payment_plans_overdue CHECK (overdue IN ('keep', 'refund', 'ask')),
    CONSTRAINT ck_payment_plans_tickets CHECK (tickets IN ('all', 'first')),
    CONSTRAINT fk_payment_plans_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
