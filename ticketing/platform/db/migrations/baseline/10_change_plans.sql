-- Change plans.

CREATE TABLE change_plans (
    hash TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    order_id BIGINT,
    parameters JSONB NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_change_plans PRIMARY KEY (hash),
    CONSTRAINT fk_change_plans_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT fk_change_plans_order_id FOREIGN KEY (order_id) REFERENCES orders (id)
);
