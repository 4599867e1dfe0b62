"""The record of an order: its states, payment attempts, refunds, instalments and review flags.

May import `events` and `platform`. Rules are pure in `order.py`, `payment_attempt.py`, `refund.py`.
Begin reading in `order.py`.
"""
