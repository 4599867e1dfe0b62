"""Store statements of bank accounts: files, and credits with the bills that they pay.

Revision ID: 0069_bank_statements
Revises: 0071_outlet_checks
"""

from alembic import op

revision = "0069_bank_statements"
down_revision = "0071_outlet_checks"

_UPGRADE = """
CREATE TABLE bank_statement_files (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_bank_statement_files PRIMARY KEY,
    bank TEXT NOT NULL,
    account TEXT NOT NULL,
    file_name TEXT NOT NULL,
    imported_by TEXT NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL,
    row_count INTEGER NOT NULL,
    new_count INTEGER NOT NULL,
    credit NUMERIC NOT NULL,
    stated_credit NUMERIC
);

CREATE TABLE bank_statement_rows (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_bank_statement_rows PRIMARY KEY,
    file_id BIGINT NOT NULL CONSTRAINT fk_bank_statement_rows_file_id
        REFERENCES bank_statement_files (id),
    source TEXT NOT NULL,
    row_key TEXT NOT NULL CONSTRAINT uq_bank_statement_rows_row_key UNIQUE,
    line INTEGER NOT NULL,
    booked_on DATE NOT NULL,
    amount NUMERIC NOT NULL CONSTRAINT ck_bank_statement_rows_amount CHECK (amount > 0),
    currency TEXT NOT NULL,
    text TEXT NOT NULL,
    student_reference TEXT DEFAULT '' NOT NULL,
    bill_reference TEXT DEFAULT '' NOT NULL,
    state TEXT DEFAULT 'no_match' NOT NULL CONSTRAINT ck_bank_statement_rows_state
        CHECK (state IN ('matched', 'proposed', 'no_match', 'duplicate', 'amount_differs')),
    reason TEXT DEFAULT 'new' NOT NULL,
    payment_record_id BIGINT CONSTRAINT fk_bank_statement_rows_payment_record_id
        REFERENCES payment_records (id),
    paid_before NUMERIC,
    is_manual BOOLEAN DEFAULT false NOT NULL,
    decided_by TEXT DEFAULT '' NOT NULL,
    decided_at TIMESTAMPTZ,
    CONSTRAINT ck_bank_statement_rows_matched CHECK (
        (state = 'matched') = (paid_before IS NOT NULL)
        AND (state NOT IN ('matched', 'proposed') OR payment_record_id IS NOT NULL)
    )
);
CREATE INDEX ix_bank_statement_rows_file_id ON bank_statement_rows (file_id);
CREATE INDEX ix_bank_statement_rows_state ON bank_statement_rows (source, state, id);
CREATE INDEX ix_bank_statement_rows_payment_record_id ON bank_statement_rows (payment_record_id);
"""


def upgrade() -> None:
    """Add the two tables."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Refuse: matches decide who has paid."""
    raise NotImplementedError("the matches of bank statements would be lost; restore a backup")
