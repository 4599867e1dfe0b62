"""Messages to buyers, guests and organisers: outbox, channels, retries, receipts.

May import `reporting`, `vouchers`, `tickets`, `documents` and below.
Begin reading in `deliver.py`.
"""
