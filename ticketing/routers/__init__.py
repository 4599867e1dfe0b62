"""MikroTik routers: their model, credentials and the RouterOS API client.

May import `platform`.
Begin reading in `model.py` and `routeros/client.py`.
"""
