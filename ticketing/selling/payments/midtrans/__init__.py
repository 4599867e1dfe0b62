"""Midtrans: Snap requests, status answers, signed notifications.

May import `orders` and `platform.kernel`.
Begin reading in `client.py`.
"""
