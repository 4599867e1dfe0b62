"""Readers of roster sources: CSV files, workbooks and SQL queries.

May import `roster.model` and `platform`.
Begin reading in `roster_file.py`, then `csv_file.py` and `workbook_file.py`.
"""
