"""Import of guests from CSV files, workbooks, drop folders, uploads and SQL queries.

May import `events` and `platform`.
Begin reading in `import_roster.py`; `clean_row.py` validates one row.
"""
