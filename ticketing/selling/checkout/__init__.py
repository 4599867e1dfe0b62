"""Orders as buyers make them: API, shop pages, reservation, payment page.

May import `selling.payments` and `selling.refunds`.
Begin reading in `place_order.py` and `pay_order.py`.
"""
