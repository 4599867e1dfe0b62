"""Issuing: identities, locks, new tickets, and new ones in place of old ones."""
