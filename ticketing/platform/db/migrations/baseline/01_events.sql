-- Events and their signing keys.

CREATE TABLE events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID DEFAULT gen_random_uuid() NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    starts_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    time_zone TEXT NOT NULL,
    locale TEXT NOT NULL,
    venue TEXT NOT NULL,
    region TEXT NOT NULL,
    template_id TEXT DEFAULT 'classic' NOT NULL,
    key_generation INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    updated_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (id),
    CONSTRAINT ck_events_slug CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63),
    CONSTRAINT ck_events_ends_after_start CHECK (ends_at >= starts_at),
    CONSTRAINT ck_events_key_generation CHECK (key_generation BETWEEN 1 AND 255),
    CONSTRAINT uq_events_uid UNIQUE (uid),
    CONSTRAINT uq_events_slug UNIQUE (slug)
);

CREATE TABLE event_keys (
    event_id BIGINT NOT NULL,
    generation INTEGER NOT NULL,
    public_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    retired_at TIMESTAMPTZ,
    CONSTRAINT pk_event_keys PRIMARY KEY (event_id, generation),
    CONSTRAINT ck_event_keys_public_key CHECK (octet_length(public_key) = 32),
    CONSTRAINT fk_event_keys_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
