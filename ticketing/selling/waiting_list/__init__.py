"""Waiting lists of ticket types that are sold out.

May import `checkout` and what that may import.
Begin reading in `model.py`, then `offer_places.py`.
"""
