"""Sales reports, exports and daily reconciliation with the gateway.

May import `selling`, `tickets` and below.
Begin reading in `export.py` and `reconcile_day.py`.
"""
