"""The books: every order and every rupiah that came or went.

May import `orders`, `catalogue` and `platform`.
Begin reading in `model.py` and `queries.py`.
"""
