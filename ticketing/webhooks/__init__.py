"""Outgoing webhooks: endpoints, signed calls, retries.

May import `selling.ledger`, `events`, `crypto` and `platform`.
Begin reading in `send.py` and `model.py`.
"""
