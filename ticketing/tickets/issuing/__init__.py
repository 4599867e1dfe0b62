"""Issuing and reissuing: identities, locks on entitlements, and writing tickets.

May import the rest of `tickets`, and what `tickets` may import.
Begin reading in `issue.py`.
"""
