"""Synchronisation of payment records: runs that ask for every student, and what they store.

May import `billing.sources`, `access` and `platform`.
Begin reading in `run.py`, then `engine.py`.
"""
