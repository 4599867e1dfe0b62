"""Small pure helpers: errors, money, phone numbers, dates, text.

May import the standard library and libraries for the format at hand; nothing of ours outside it.
Begin reading in `errors.py`: the tree of errors and their HTTP status.
"""
