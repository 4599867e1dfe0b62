"""Orders of buyers: API, shop pages, reservation, payment, cancellation and expiry.

May import `selling.payments` and `selling.refunds`, and the capabilities below `selling`.
Begin reading in `place_order.py` and `pay_order.py`.
"""
