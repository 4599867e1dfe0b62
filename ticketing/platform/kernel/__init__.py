"""Small helpers without input or output: errors, money, phone numbers, dates, text.

May import the standard library and third-party packages, and nothing else of `ticketing`.
Begin reading in `errors.py`, the tree of errors with their HTTP status.
"""
