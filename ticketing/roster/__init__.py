"""Import of guests from CSV files, workbooks, drop folders, uploads and SQL queries.

`sources` read files, `cells` clean rows, `plan` compares them with the database; `uploads` and
`drop_folder` bring files; `guests` changes single people. May import `tickets` and below.
Begin reading in `import_roster.py`.
"""
