"""The texts of messages: templates, samples, composition.

May import the data that a message shows: tickets, vouchers, orders.
Begin reading in `templates.py` and `compose.py`.
"""
