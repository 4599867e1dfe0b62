"""Statements of bank accounts: read by a mapping file, recorded once, matched with bills.

May import `sync`, `sources`, `roster` and `platform`.
Begin reading in `statements.py`, then `judge_row.py`.
"""
