-- API keys, and responses stored by idempotency key.

CREATE TABLE api_keys (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    key_sha256 BYTEA NOT NULL,
    role TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now() NOT NULL,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT pk_api_keys PRIMARY KEY (id),
    CONSTRAINT ck_api_keys_key_sha256 CHECK (octet_length(key_sha256) = 32),
    CONSTRAINT ck_api_keys_role CHECK (role IN ('viewer', 'operator', 'admin')),
    CONSTRAINT ck_api_keys_name CHECK (name <> ''),
    CONSTRAINT uq_api_keys_name UNIQUE (name),
    CONSTRAINT uq_api_keys_key_sha256 UNIQUE (key_sha256)
);

CREATE TABLE idempotency_keys (
    api_key_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    request_sha256 BYTEA NOT NULL,
    response_status INTEGER NOT NULL,
    response_body BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (api_key_id, key),
    CONSTRAINT fk_idempotency_keys_api_key_id FOREIGN KEY (api_key_id) REFERENCES api_keys (id)
);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);
