"""The ledger: every order and every amount received or refunded.

May import `events`, `orders` and `platform`.
Begin reading in `model.py` and `queries.py`.
"""
