"""Box office: orders that an operator sells for cash, by transfer or without payment.

May import `checkout` and what that may import.
Begin reading in `sell.py`.
"""
