"""Keys, signatures and encryption; the only package that holds a secret.

May import `platform` and `events`.
Begin reading in `ticket_token.py` (what a QR code says) and `keyring.py`.
"""
