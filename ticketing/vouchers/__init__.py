"""Hotspot vouchers: packages, allocation, states, reissue, expiry and clean-up.

May import `routers`, `tickets`, `catalogue`, `orders`, `crypto`, `events` and `platform`.
Begin reading in `model.py` and `allocate.py`.
"""
