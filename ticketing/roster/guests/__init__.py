"""Single guests: change one, and decide about possible duplicates.

May import `roster.cells`, `roster.plan` and tickets.
Begin reading in `duplicates.py`.
"""
