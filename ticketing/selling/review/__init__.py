"""Review of orders with an open flag: commands and API that accept, assign, resolve.

May import `refunds`, `payments` and the capabilities below `selling`.
Begin reading in `accept_payment.py`; `refunds/resolve_flag.py` holds the rules.
"""
