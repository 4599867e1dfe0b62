"""Rosters copied into a folder: found, imported once, moved away.

May import the whole of `roster`.
Begin reading in `import_file.py`.
"""
