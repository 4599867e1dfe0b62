"""Refunds: planned, decided, sent to the gateway, recorded.

May import `selling.payments` and the capabilities below `selling`.
Begin reading in `service.py` and `refund_plan.py`.
"""
