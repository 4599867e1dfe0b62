"""Vouchers on routers: provisioning, polling of usage, reconciliation, circuit breaker.

May import the rest of `vouchers` and what that may import.
Begin reading in `provision.py`.
"""
