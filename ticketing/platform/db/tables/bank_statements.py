"""Tables of statements of bank accounts: files, and their credits with the bills they pay."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    Numeric,
    Table,
    UniqueConstraint,
    text,
)

from ticketing.platform.db.columns import (
    foreign_key_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

bank_statement_files = Table(
    "bank_statement_files",
    metadata,
    id_column(),
    text_column("bank"),
    text_column("account"),
    text_column("file_name"),
    text_column("imported_by"),
    timestamp_column("imported_at"),
    Column("row_count", Integer, nullable=False),  # credits in the file
    Column("new_count", Integer, nullable=False),  # of them, those that no earlier file had
    Column("credit", Numeric, nullable=False),  # their sum
    Column("stated_credit", Numeric, nullable=True),  # the sum that the file states
)

bank_statement_rows = Table(
    "bank_statement_rows",
    metadata,
    id_column(),
    foreign_key_column("file_id", "bank_statement_files.id"),
    text_column("source"),  # of the students and bills
    text_column("row_key"),
    Column("line", Integer, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("amount", Numeric, nullable=False),
    text_column("currency"),
    text_column("text"),  # what payer and bank wrote
    text_column("student_reference", ""),  # found in the text by the mapping's patterns
    text_column("bill_reference", ""),
    text_column("state", "no_match"),
    text_column("reason", "new"),
    foreign_key_column("payment_record_id", "payment_records.id", nullable=True),
    # what the source counted as paid when the row was matched, if the row comes on top of it; the
    # source may count the row later, and then the greater of both sums is right
    Column("paid_before", Numeric, nullable=True),
    Column("is_manual", Boolean, nullable=False, server_default=text("false")),
    text_column("decided_by", ""),
    timestamp_column("decided_at", nullable=True),
    UniqueConstraint("row_key"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint(
        "state IN ('matched', 'proposed', 'no_match', 'duplicate', 'amount_differs')", name="state"
    ),
    CheckConstraint(
        "(state = 'matched') = (paid_before IS NOT NULL)"
        " AND (state NOT IN ('matched', 'proposed') OR payment_record_id IS NOT NULL)",
        name="matched",
    ),
    Index("ix_bank_statement_rows_file_id", "file_id"),
    Index("ix_bank_statement_rows_state", "source", "state", "id"),  # lists
    Index("ix_bank_statement_rows_payment_record_id", "payment_record_id"),  # what a bill was paid
)
