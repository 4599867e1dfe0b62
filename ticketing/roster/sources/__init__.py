"""Readers of roster sources: CSV files and SQL queries.

May import `roster.model` and `platform`.
Begin reading in `csv_file.py`.
"""
