"""The catalogue of an event: ticket types, stock, promo codes, payment plans.

May import `orders`, `events` and `platform`.
Begin reading in `ticket_types.py` and `stock_queries.py`.
"""
