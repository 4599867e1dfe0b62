"""Import of guests from CSV files, drop folders and SQL tables.

May import `events` and `platform`.
Begin reading in `import_roster.py`; `clean_row.py` decides about one row.
"""
