"""From payment notifications to paid orders: settlement, fulfilment, reconciliation.

May import `orders`, `catalogue`, `vouchers`, `tickets` and below.
Begin reading in `settle.py`, then `complete_order.py` and `fulfil_paid.py`.
"""
