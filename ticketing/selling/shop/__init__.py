"""Pages of the shop: list of events, order form of an event, page of an order.

May import `checkout` and what that may import.
Begin reading in `shop_pages.py`, then `order_pages.py`.
"""
