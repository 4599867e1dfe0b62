"""Health, metrics, and the monitoring API and console of vouchers.

May import `notifications`, `reporting`, `vouchers` and below.
Begin reading in `health.py` and `service.py`.
"""
