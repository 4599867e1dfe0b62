"""Import of guests from CSV files, drop folders and SQL queries.

May import `events` and `platform`.
Begin reading in `import_roster.py`; `clean_row.py` validates one row.
"""
