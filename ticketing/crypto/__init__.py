"""Keys, signatures and encryption; the only package that holds a secret.

May import `platform` and `events`.
Begin reading in `ticket_token.py`, the content of a QR code, then `keyring.py`.
"""
