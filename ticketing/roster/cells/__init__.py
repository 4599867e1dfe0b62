"""Cells of a roster: what a column, a row and a cell mean, without a database.

May import kernel and events.
Begin reading in `clean_row.py`.
"""
