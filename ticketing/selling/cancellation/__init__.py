"""Cancellation of a whole event: plan and apply.

May import `selling.refunds`, `selling.payments` and `selling.checkout`.
Begin reading in `plan_cancellation.py`, then `cancel_event.py`.
"""
