-- Incidents and the audit log.

CREATE TABLE incidents (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    event_id BIGINT,
    message TEXT NOT NULL,
    occurrences BIGINT DEFAULT 0 NOT NULL,
    last_run_id TEXT,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ,
    notified_at TIMESTAMPTZ,
    CONSTRAINT pk_incidents PRIMARY KEY (id),
    CONSTRAINT ck_incidents_kind CHECK (kind IN ('run', 'check', 'webhook', 'channel', 'router')),
    CONSTRAINT fk_incidents_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE UNIQUE INDEX uq_incidents_open_cause ON incidents (cause) WHERE resolved_at IS NULL;

CREATE TABLE audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMPTZ DEFAULT now() NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    event_id BIGINT,
    subject TEXT DEFAULT '' NOT NULL,
    items BIGINT DEFAULT 0 NOT NULL,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_audit_log PRIMARY KEY (id),
    CONSTRAINT fk_audit_log_event_id FOREIGN KEY (event_id) REFERENCES events (id)
);
CREATE INDEX ix_audit_log_event_id_id ON audit_log (event_id, id);

CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log();

-- Triggers that run at the end of the transaction (ledger, voucher history) read the actor here.
CREATE FUNCTION set_current_actor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('ticketing.actor', NEW.actor, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER set_current_actor AFTER INSERT ON audit_log
    FOR EACH ROW EXECUTE FUNCTION set_current_actor();
