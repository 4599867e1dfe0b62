"""Selling: checkout, payments, refunds, cancellation of events, ledger.

May import `vouchers`, `tickets`, `catalogue`, `orders`, `roster`, `access` and below.
Begin reading in `checkout/place_order.py`, then `payments/settle.py`.
"""
