"""Vouchers onto routers: provision, poll usage, reconcile, circuit breaker.

May import the rest of `vouchers`.
Begin reading in `provision.py`.
"""
