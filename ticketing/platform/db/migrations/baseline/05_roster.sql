-- Guests, entitlements, imports and rejected rows.

-- Temporary tables of running imports.
CREATE SCHEMA staging;

CREATE TABLE guests (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    natural_key TEXT NOT NULL,
    external_id TEXT,
    first_name TEXT DEFAULT '' NOT NULL,
    last_name TEXT DEFAULT '' NOT NULL,
    full_name TEXT NOT NULL,
    email TEXT DEFAULT '' NOT NULL,
    phone TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_guests PRIMARY KEY (id),
    CONSTRAINT uq_guests_event_id_natural_key UNIQUE (event_id, natural_key),
    CONSTRAINT ck_guests_full_name CHECK (full_name <> '')
);
CREATE INDEX ix_guests_event_id_email ON guests (event_id, email);
CREATE INDEX ix_guests_event_id_phone ON guests (event_id, phone);

CREATE TABLE imports (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    sha256 TEXT DEFAULT '' NOT NULL,
    encoding TEXT DEFAULT '' NOT NULL,
    delimiter TEXT DEFAULT '' NOT NULL,
    mapping JSONB DEFAULT '{}'::jsonb NOT NULL,
    state TEXT DEFAULT 'running' NOT NULL,
    total_rows BIGINT DEFAULT 0 NOT NULL,
    inserted BIGINT DEFAULT 0 NOT NULL,
    updated BIGINT DEFAULT 0 NOT NULL,
    unchanged BIGINT DEFAULT 0 NOT NULL,
    rejected BIGINT DEFAULT 0 NOT NULL,
    withdrawn BIGINT DEFAULT 0 NOT NULL,
    message TEXT DEFAULT '' NOT NULL,
    requested_by TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    CONSTRAINT pk_imports PRIMARY KEY (id),
    CONSTRAINT ck_imports_state CHECK (state IN ('running', 'completed', 'failed')),
    CONSTRAINT ck_imports_every_row_counted_once
        CHECK (state <> 'completed' OR inserted + updated + unchanged + rejected = total_rows),
    CONSTRAINT fk_imports_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE INDEX ix_imports_event_id_sha256 ON imports (event_id, sha256);

CREATE TABLE import_rejected_rows (
    import_id BIGINT NOT NULL,
    line_number BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    row JSONB NOT NULL,
    CONSTRAINT pk_import_rejected_rows PRIMARY KEY (import_id, line_number),
    CONSTRAINT fk_import_rejected_rows_import_id FOREIGN KEY (import_id) REFERENCES imports (id),
    CONSTRAINT fk_import_rejected_rows_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);

CREATE TABLE entitlements (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    guest_id BIGINT NOT NULL,
    ticket_type_id BIGINT NOT NULL,
    source TEXT DEFAULT 'roster' NOT NULL,
    state TEXT DEFAULT 'entitled' NOT NULL,
    seat TEXT DEFAULT '' NOT NULL,
    hold_reason TEXT,
    import_id BIGINT,
    import_line BIGINT,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_entitlements PRIMARY KEY (id),
    CONSTRAINT fk_entitlements_ticket_type
        FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types (event_id, id),
    CONSTRAINT ck_entitlements_source CHECK (source IN ('roster', 'order')),
    CONSTRAINT ck_entitlements_state CHECK (state IN ('entitled', 'withdrawn')),
    CONSTRAINT uq_entitlements_event_id_id_guest_id UNIQUE (event_id, id, guest_id),
    CONSTRAINT fk_entitlements_guest_id FOREIGN KEY (guest_id) REFERENCES guests (id)
);
CREATE UNIQUE INDEX uq_entitlements_roster_guest
    ON entitlements (guest_id)
    WHERE source = 'roster';
